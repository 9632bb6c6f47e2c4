"""`python -m examples.nbody.reproduce fig2|fig5|table1|beyond|page --scale smoke|small|paper`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from examples.nbody.reproduce import grids, scales
from examples.nbody.reproduce.grids import EXPERIMENTS, Job
from examples.nbody.reproduce.scales import Scale

console = Console(highlight=False)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m examples.nbody.reproduce",
        description="Measure the GeoNorm paper's figures again, and ours beside them.",
    )
    made.add_argument(
        "experiments",
        nargs="+",
        choices=[*EXPERIMENTS, "all", "page"],
        metavar="EXPERIMENT",
        help="fig2, fig5, table1, beyond, all; page: only write the page of what is in --out",
    )
    made.add_argument("--scale", choices=list(scales.SCALES), default="smoke")
    made.add_argument("--out", type=Path, default=Path("runs/reproduce"), help="folder of results")
    made.add_argument(
        "--minutes", type=float, default=float("inf"), help="start no training after this time"
    )
    made.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    made.add_argument(
        "--publish", type=Path, help="copy the results to this folder, with a page beside it"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Train what is missing, then write CSV files, figures and statements; the exit status."""
    options = parser().parse_args(arguments)
    if options.minutes <= 0 or options.workers < 0:
        parser().error("--minutes must be positive and --workers at least 0")
    wanted = [e for e in EXPERIMENTS if e in options.experiments or "all" in options.experiments]
    scale = scales.SCALES[options.scale]
    work = options.out.resolve() / scale.name
    results = work / "results"
    deadline = time.time() + 60 * options.minutes
    status = 0
    for experiment in wanted:
        status |= perform(experiment, scale, work, results, options.workers, deadline)
    if options.publish:
        _publish(results, options.publish)
    return status


def _publish(results: Path, folder: Path) -> None:
    from examples.demo.results import write_atomically
    from examples.nbody.reproduce import page

    for path in sorted(results.iterdir()):
        if path.suffix != ".md":
            write_atomically(folder / path.name, path.read_bytes())
    target = folder.parent / f"{folder.name}.md"
    write_atomically(target, page.render(folder, folder.name))
    console.print(f"[bold]Page:[/] {target}", soft_wrap=True)


def perform(
    experiment: str, scale: Scale, work: Path, results: Path, workers: int, deadline: float
) -> int:
    """One experiment: train, measure, draw, say."""
    from examples.nbody.reproduce import compute, meta, show
    from examples.nbody.reproduce.experiments import Trained

    jobs = grids.jobs(experiment, scale)
    problems = _train(experiment, jobs, work, workers, deadline)
    trained = Trained.find(scale, work, jobs)
    compute.write(experiment, trained, results)
    meta.note(experiment, scale, trained, len(jobs), results)
    for path in show.write(experiment, results):
        console.print(f"  {path}", soft_wrap=True)
    for problem in problems:
        console.print(f"[yellow]![/] {problem}", soft_wrap=True)
    return 1 if problems else 0


def _train(
    experiment: str, jobs: list[Job], work: Path, workers: int, deadline: float
) -> list[str]:
    from examples.nbody import many
    from examples.nbody.reproduce import training

    problems, late = [], 0
    columns = (
        TextColumn(f"{experiment}: training"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("", total=len(jobs), note="")
        for size in {job.size for job in jobs}:  # once, before several processes want them
            first = next(job for job in jobs if job.size == size)
            training.data(size, first.train, first.val, first.test, work)
        for job, problem in training.perform_all(jobs, work, workers, deadline):
            bars.update(task, advance=1, note=job.key)
            late += problem == many.LATE
            if problem and problem != many.LATE:
                problems.append(f"{job.key}: {problem}")
    if late:
        problems.append(f"{late} networks not trained within --minutes: call again to go on")
    return problems


if __name__ == "__main__":
    sys.exit(main())

"""`python -m examples.leaderboard`: train the velocity-EGNN with every norm and rank them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from examples.demo import data
from examples.demo.results import Baseline, Run, write_atomically
from examples.leaderboard import costs, figures, grid, standings, store, tables, work

console = Console(highlight=False)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m examples.leaderboard", description=__doc__)
    made.add_argument(
        "--out", type=Path, default=Path("runs/leaderboard"), help="folder of results"
    )
    made.add_argument("--full", action="store_true", help="the paper's scale: weeks on two cores")
    made.add_argument("--miniature", action="store_true", help="seconds, to see that it runs")
    made.add_argument("--minutes", type=float, default=30.0, help="start no run after this time")
    made.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes, one thread each"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing, then write table and picture; returns the exit status."""
    options = parser().parse_args(arguments)
    if options.minutes <= 0 or options.workers < 1:
        parser().error("--minutes must be positive and --workers at least 1")
    scale = grid.FULL if options.full else grid.MINIATURE if options.miniature else grid.DEFAULT
    out = options.out.resolve() / scale.name
    deadline = time.time() + 60 * options.minutes
    baselines = _baselines(scale, out)
    planned = grid.runs(scale)
    finished = [found for found in (store.load(out, run) for run in planned) if found]
    have = {run.key for run in finished}
    todo = [run for run in planned if run.key not in have]
    if have:
        console.print(f"{len(have)} of {len(planned)} runs are there already, in {out}")
    problems = _train(todo, finished, scale, out, options.workers, deadline)
    _write(finished, baselines, scale, out)
    missing = len(planned) - len(finished) - len(problems)
    for problem in problems:
        console.print(f"[yellow]![/] {problem}")
    if missing:
        console.print(f"{missing} runs not started in {options.minutes:g} minutes: call again")
    console.print(f"[bold]Table:[/] {out / 'leaderboard.md'}", soft_wrap=True)
    return 1 if problems else 0


def _baselines(scale: grid.Scale, out: Path) -> list[Baseline]:
    sizes = sorted({size for heat in scale.heats for size in heat.sizes})
    systems = [data.load(size, scale.train, scale.test, 0, out / "data") for size in sizes]
    return [data.baseline(splits) for splits in systems]


def _train(
    todo: list[Run],
    finished: list[Run],
    scale: grid.Scale,
    out: Path,
    workers: int,
    deadline: float,
) -> list[str]:
    problems = []
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("", total=len(todo), note="")
        for run in work.perform_all(todo, scale, out, workers, deadline):
            note = f"{run.group}, N={run.num_particles}, L={run.layers}: {run.status}"
            bars.update(task, advance=1, note=note)
            if run.status in ("finished", "diverged"):
                finished.append(run)
            elif run.status == "failed":
                problems.append(f"{run.group}, N={run.num_particles}: {run.reason}")
    return problems


def _write(finished: list[Run], baselines: list[Baseline], scale: grid.Scale, out: Path) -> None:
    first = scale.heats[0]
    splits = data.load(first.sizes[0], scale.train, scale.test, 0, out / "data")
    entries = grid.finalists() if first.finalists else grid.entries()
    ratios = dict(costs.measure(entries, splits.train, first.hidden))
    rows = standings.standings(
        finished, {item.num_particles: item.no_motion for item in baselines}, ratios
    )
    write_atomically(out / "leaderboard.md", tables.markdown(rows, baselines))
    write_atomically(out / "leaderboard.csv", tables.as_csv(rows, baselines))
    write_atomically(out / "costs.json", json.dumps(ratios, indent=1))
    figures.save(rows, baselines, out / "leaderboard.png")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m examples.nbody.real argon|adk|page --scale smoke|small`."""

from __future__ import annotations

import argparse
import json
import math
import time
from datetime import date
from pathlib import Path

import torch

from examples.demo.results import write_atomically
from examples.nbody import csvfile, many
from examples.nbody.real import entries, page, plan
from examples.nbody.real import rows as rows_
from examples.nbody.real.draw import draw
from examples.nbody.real.plan import Job
from examples.nbody.real.rows import Base, Row


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m examples.nbody.real", description="Norms on molecular dynamics."
    )
    made.add_argument("experiment", choices=[*plan.EXPERIMENTS, "page"])
    made.add_argument("--scale", choices=plan.SCALES, default="smoke")
    made.add_argument("--out", type=Path, default=Path("runs/real"), help="folder of results")
    made.add_argument(
        "--minutes", type=float, default=math.inf, help="start no training after this time"
    )
    made.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    made.add_argument("--publish", type=Path, help="copy the results there, with a page beside it")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Train what is missing, measure, draw, say."""
    options = parser().parse_args(arguments)
    if options.minutes <= 0 or options.workers < 1:
        parser().error("--minutes must be positive and --workers at least 1")
    work = (options.out / options.scale).resolve()
    results = work / "results"
    if options.experiment != "page":
        jobs = plan.jobs(options.experiment, options.scale)
        deadline = time.time() + 60 * options.minutes
        _train(jobs, work, options.workers, deadline)
        _measure(options.experiment, options.scale, jobs, work, results)
    print(page.render(results))
    if options.publish:
        for path in sorted(results.iterdir()):
            write_atomically(options.publish / path.name, path.read_bytes())
        target = options.publish.parent / "real_data.md"
        write_atomically(target, page.render(options.publish))
        print(f"page: {target}")


def _train(jobs: list[Job], work: Path, workers: int, deadline: float) -> None:
    runs = {job.key: job.overrides(work) for job in jobs}
    for count, (key, wrong) in enumerate(many.perform_all(runs, workers, deadline), 1):
        print(f"[{count}/{len(runs)}] {key} {wrong}".rstrip(), flush=True)


def _measure(experiment: str, scale: str, jobs: list[Job], work: Path, results: Path) -> None:
    found: list[Row] = []
    bases: list[Base] = []
    for name in dict.fromkeys(job.data for job in jobs):
        mine = [job for job in jobs if job.data == name]
        data = rows_.data_module(mine[0])
        bases += [Base(name, key, mse) for key, mse in data.baselines().items()]
        read = (rows_.read(j, data, work, entries.entry(j.entry).family) for j in mine)
        found += [row for row in read if row is not None]
    csvfile.write(results / f"{experiment}_runs.csv", found, Row)
    csvfile.write(results / f"{experiment}_baselines.csv", bases, Base)
    path = results / "meta.json"
    meta = json.loads(path.read_text()) if path.exists() else {}
    meta[experiment] = {
        "scale": scale,
        "date": date.today().isoformat(),
        "runs": len(found),
        "planned": len(jobs),
        "torch": torch.__version__.split("+")[0],
    }
    write_atomically(path, json.dumps(meta, indent=1) + "\n")
    draw(found, bases, results / experiment)


if __name__ == "__main__":
    main()

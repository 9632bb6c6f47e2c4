"""The whole run: what is done in which order, its progress bars, and what is kept on the way."""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import e3nn
import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import eqnorm
from examples.demo import data, paths, plan, symmetry
from examples.demo.results import Pair, Results, Run
from examples.demo.work import Job, Record, Setting, perform_all


def blank(options: argparse.Namespace, command: str, started: str) -> Results:
    """Results with all that is planned and nothing done."""
    scale = plan.MINIATURE if options.miniature else plan.Scale()
    return Results(
        seed=options.seed,
        command=command,
        started=started,
        environment=environment(options.workers),
        settings={name: getattr(scale, name) for name in ("train", "particles", "hidden", "steps")},
        runs=plan.runs(scale),
        pairs=symmetry.pairs(),
    )


def environment(workers: int) -> dict[str, str]:
    """Versions and the machine, without its name."""
    return {
        "eqnorm": eqnorm.__version__,
        "torch": torch.__version__,
        "e3nn": e3nn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "workers": str(max(workers, 1)),
        "threads": "1 per process",
    }


def run(results: Results, options: argparse.Namespace, out: Path, console: Console) -> None:
    """Do everything, filling in ``results`` and saving it after every job."""
    scale = plan.MINIATURE if options.miniature else plan.Scale()
    setting = Setting(
        scale=scale,
        seed=options.seed,
        cache=(options.cache or out / "data").resolve(),
        deadline=time.time() + 60 * options.minutes,
    )
    bars = Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=console,
    )
    with bars:
        _simulate(results, setting, bars)
        jobs = [
            *[Job(f"{p.model} {p.choice}", p) for p in results.pairs],
            *[Job(r.key, r) for r in results.runs],
        ]
        # The first runs are the report's core, and the probe of growth takes a second.
        jobs = [Job("growth", None), *_interleaved(jobs)]
        _perform(results, jobs, setting, options.workers, bars, out)


def _simulate(results: Results, setting: Setting, bars: Progress) -> None:
    scale = setting.scale
    task = bars.add_task("simulating charged systems", total=len(scale.sizes), note="")
    for size in scale.sizes:
        bars.update(task, note=f"{scale.train + scale.test(size)} systems of {size} particles")
        systems = data.load(size, scale.train, scale.test(size), setting.seed, setting.cache)
        results.baselines.append(data.baseline(systems))
        paths.add_truth(results.baselines[-1], setting.seed, setting.cache)
        bars.advance(task)
    bars.update(task, note="")


def _interleaved(jobs: list[Job]) -> list[Job]:
    """Checks of pairs among the trainings, so that a time limit leaves some of both."""
    pairs = [job for job in jobs if isinstance(job.record, Pair)]
    runs = [job for job in jobs if isinstance(job.record, Run)]
    mixed = []
    for number, job in enumerate(runs):
        mixed.append(job)
        if number < len(pairs):
            mixed.append(pairs[number])
    return mixed + pairs[len(runs) :]


def _perform(
    results: Results, jobs: list[Job], setting: Setting, workers: int, bars: Progress, out: Path
) -> None:
    places = {job.key: job for job in jobs}
    steps = {job.key: job.record.planned_steps for job in jobs if isinstance(job.record, Run)}
    training = bars.add_task("training networks (steps)", total=sum(steps.values()), note="")
    checking = bars.add_task("checking symmetries (pairs)", total=len(results.pairs), note="")
    done: dict[str, int] = {}

    def report(key: str, step: int, total: int) -> None:
        done[key] = step
        bars.update(training, completed=sum(done.values()), note=key)

    for job, record in perform_all(jobs, setting, workers, report):
        _keep(results, places[job.key], record)
        if isinstance(job.record, Run):
            report(job.key, steps[job.key], steps[job.key])
        elif isinstance(job.record, Pair):
            bars.update(checking, advance=1, note=job.key)
        results.save(out / "results.json")
    bars.update(training, note="")
    bars.update(checking, note="")


def _keep(results: Results, job: Job, record: Record | Exception) -> None:
    """Put a record in its place, and say what could not be done."""
    if isinstance(record, Exception):
        results.problems.append(f"{job.key}: {record or type(record).__name__}")
        results.failed = True
        if job.record is not None:
            job.record.status, job.record.reason = "failed", str(record)
        return
    if isinstance(record, list):
        results.growth = record
        return
    where: list[Run] | list[Pair] = results.runs if isinstance(record, Run) else results.pairs
    for index, planned in enumerate(where):
        if planned is job.record:
            where[index] = record  # type: ignore[call-overload]
    results.failed |= record.status == "failed"
    if record.status in ("failed", "skipped"):
        results.problems.append(f"{job.key}: {record.status}, {record.reason}")

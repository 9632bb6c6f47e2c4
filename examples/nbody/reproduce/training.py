"""Trains the networks of an experiment with the training application, and reads what it left."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import nn

from eqnorm import nbody
from examples.nbody import many
from examples.nbody.reproduce.grids import Job
from examples.nbody.reproduce.outcome import History

TASK = (30, 40)  # frames: the state at step 3100 predicts the positions 1000 steps later


def overrides(job: Job, folder: Path) -> list[str]:
    """The job in the spelling of ``examples.nbody.train``.

    Args:
        job: what to train.
        folder: of all runs; the job's own lies in it.
    """
    options = dict(job.norms.model(job.size))
    norm = options.pop("norm", None)
    return many.overrides(
        {
            "model": "egnn_vel",
            "preset": "paper",
            "norm": norm,
            "seed": job.seed,
            "lr": job.rate,
            "epochs": job.epochs,
            "folder": str(folder / "runs" / job.key),
            "model.hidden": job.hidden,
            "model.layers": job.layers,
            **{f"model.{name}": value for name, value in options.items()},
            "data.n": job.size,
            "data.train": job.train,
            "data.val": job.val,
            "data.test": job.test,
            "data.batch_size": job.batch,
            "data.task": list(TASK),
            "data.cache_dir": str(folder / "data"),
        }
    )


def perform_all(
    jobs: list[Job], folder: Path, workers: int, deadline: float
) -> Iterator[tuple[Job, str]]:
    """Train what is to be trained; a finished run is only read, a begun one is taken up.

    Gives each job when it is over, with what went wrong or "".

    Args:
        jobs: most important first.
        folder: of runs and simulations.
        workers: processes, one thread each; 0 for this process.
        deadline: a time (``time.time()``) after which nothing new is started.
    """
    missing = {job.key: job for job in jobs if history(job, folder) is None}
    yield from ((job, "") for job in jobs if job.key not in missing)
    runs = {key: overrides(job, folder) for key, job in missing.items()}
    for key, problem in many.perform_all(runs, workers, deadline):
        yield missing[key], problem


def history(job: Job, folder: Path) -> History | None:
    """What a finished run left, or None."""
    from examples.nbody import records

    place = folder / "runs" / job.key
    try:
        results: dict[str, Any] = json.loads((place / records.RESULTS).read_text())
    except (OSError, ValueError):
        return None
    logged = records.history(place)
    return History(
        losses=[loss for _, loss in logged["train_mse"]],
        validations=logged["val_mse"],
        last_mse=_number(results["last_test_mse"]),
        test_mse=results["test_mse"],
        diverged_step=results["diverged_step"],
        where=results["diverged_where"] or "",
        parameters=results["parameters"],
        seconds=results["seconds"],
    )


def model(job: Job, folder: Path) -> nn.Module:
    """The trained network: the best weights by validation."""
    from examples.nbody import train

    net: nn.Module = train.load(folder / "runs" / job.key).net
    return net.eval()


@lru_cache(maxsize=3)
def data(size: int, train: int, val: int, test: int, folder: Path) -> nbody.Splits:
    """The systems that runs of these sizes are trained and tested on."""
    from examples.nbody.data import ChargedParticles

    made = ChargedParticles(size, train, val, test, task=TASK, cache_dir=folder / "data")
    return made.splits


def default_workers() -> int:
    """Two, or what there is."""
    return min(2, os.cpu_count() or 1)


def _number(value: float | None) -> float:
    return math.nan if value is None else value

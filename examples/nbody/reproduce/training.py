"""Trains the networks of an experiment with the training application, and reads what it left."""

from __future__ import annotations

import json
import logging
import math
import multiprocessing
import os
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from eqnorm import nbody
from examples.nbody.reproduce.grids import Job
from examples.nbody.reproduce.outcome import History

TASK = (30, 40)  # frames: the state at step 3100 predicts the positions 1000 steps later
LATE = "time limit"


def overrides(job: Job, folder: Path) -> list[str]:
    """The job in the spelling of ``examples.nbody.train``.

    Args:
        job: what to train.
        folder: of all runs; the job's own lies in it.
    """
    options = dict(job.norms.model(job.size))
    norm = options.pop("norm", None)
    given = {
        "norm": norm,
        "seed": job.seed,
        "lr": job.rate,
        "epochs": job.epochs,
        "threads": 1,
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
        "trainer.enable_progress_bar": False,
        "trainer.accelerator": "cpu",
    }
    return ["model=egnn_vel", "preset=paper", *(f"{k}={_spelt(v)}" for k, v in given.items())]


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
    if workers == 0:
        for job in jobs:
            yield job, perform(job, folder, deadline)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        futures = {pool.submit(perform, job, folder, deadline): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def perform(job: Job, folder: Path, deadline: float = math.inf) -> str:
    """Train one network; returns what went wrong, or ""."""
    from examples.nbody import train

    if history(job, folder) is not None:
        return ""
    if time.time() > deadline:
        return LATE
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    threads = torch.get_num_threads()
    try:
        with warnings.catch_warnings():
            # Of Lightning's and torchmetrics' that say nothing about the job.
            for text in (".*LeafSpec.*", ".*Encountered `nan` values.*"):
                warnings.filterwarnings("ignore", text)
            train.run(train.configure(overrides(job, folder)))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        torch.set_num_threads(threads)
    return ""


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


def _spelt(value: object) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{_spelt(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_spelt, value)) + "]"
    return f"'{value}'" if isinstance(value, str) and ("/" in value or " " in value) else str(value)

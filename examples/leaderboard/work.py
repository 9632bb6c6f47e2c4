"""Training runs in worker processes, one thread each."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

import torch

from eqnorm import nbody
from examples.demo import data, train
from examples.demo.results import Run
from examples.leaderboard import store
from examples.leaderboard.grid import Scale


def perform_all(
    todo: list[Run], scale: Scale, folder: Path, workers: int, deadline: float
) -> Iterator[Run]:
    """Train what is to be trained, saving each run as soon as it is done.

    Args:
        todo: most important first.
        scale: what they share.
        folder: where runs and systems are kept.
        workers: processes.
        deadline: a time (``time.time()``) after which nothing new is started.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = [pool.submit(perform, run, scale, folder, deadline) for run in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def perform(run: Run, scale: Scale, folder: Path, deadline: float) -> Run:
    """Train one network; what goes wrong in it is noted in its record and stops nothing else."""
    if time.time() > deadline:
        run.reason = "time limit"
        return run
    try:
        systems = _systems(run.num_particles, scale.train, scale.test, folder / "data")
        seed = int(run.choice)
        model = train.build(run, systems.train, seed)
        train.train(run, model, systems, seed)
    except Exception as error:
        run.status, run.reason = "failed", f"{type(error).__name__}: {error}"
        return run
    store.save(folder, run)
    return run


@lru_cache(maxsize=3)
def _systems(size: int, train_systems: int, test_systems: int, cache: Path) -> nbody.Splits:
    return data.load(size, train_systems, test_systems, 0, cache)

"""The jobs of a run, each on its own: in a worker process, or one after the other."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

import torch

from examples.demo import data, evaluate, growth, paths, symmetry, train
from examples.demo.plan import Scale
from examples.demo.results import Growth, Pair, Run

Record = Run | Pair | list[Growth]
Report = Callable[[str, int, int], object]  # key, steps done, steps in all


@dataclass(frozen=True)
class Setting:
    """What all jobs share."""

    scale: Scale
    seed: int
    cache: Path | None
    deadline: float


@dataclass(frozen=True)
class Job:
    """A network to train, a pair to check, or (with no record) the probe of growth."""

    key: str
    record: Run | Pair | None


def perform(job: Job, setting: Setting, report: Report) -> Record:
    """Do one job; what goes wrong in it is noted in its record and stops nothing else."""
    record = job.record
    try:
        if record is None:
            return growth.measure(setting.scale, setting.seed, setting.cache)
        if time.time() > setting.deadline:
            record.reason = "time limit"
            return record
        if isinstance(record, Pair):
            return symmetry.check(record, setting.scale, setting.seed)
        return _train(record, setting, lambda step: report(job.key, step, record.planned_steps))
    except Exception as error:
        return failed(job, f"{type(error).__name__}: {error}", traceback.format_exc())


def failed(job: Job, reason: str, detail: str = "") -> Record:
    """The record of a job that could not be done."""
    if job.record is None:
        raise RuntimeError(f"{reason}\n{detail}")
    job.record.status, job.record.reason = "failed", reason
    return job.record


def _train(run: Run, setting: Setting, report: Callable[[int], object]) -> Run:
    scale, seed = setting.scale, setting.seed
    size = run.num_particles
    systems = data.load(size, scale.train, scale.test(size), seed, setting.cache)
    model = train.build(run, systems.train, seed)
    train.train(run, model, systems, seed, report, setting.deadline)
    if run.status != "diverged":
        run.rotated, run.translated = evaluate.evaluate(model, systems.test, seed)
        if paths.is_shown(run):
            paths.add_prediction(run, model, seed, setting.cache)
    return run


def perform_all(
    jobs: list[Job], setting: Setting, workers: int, report: Report
) -> Iterator[tuple[Job, Record | Exception]]:
    """Do all jobs, and give each with its record as soon as it is done.

    Args:
        jobs: most important first.
        setting: what they share.
        workers: processes, each with one thread; 0 for this process.
        report: called in this process, as training goes on.
    """
    if workers == 0:
        for job in jobs:
            try:
                yield job, perform(job, setting, report)
            except RuntimeError as error:
                yield job, error
        return
    context = multiprocessing.get_context("spawn")
    news = context.Queue()
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(news,))
    waiting: dict[Future[Record], Job] = {
        pool.submit(_perform_in_worker, job, setting): job for job in jobs
    }
    try:
        while waiting:
            done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            for key, step, steps in _drain(news):
                report(key, step, steps)
            for future in done:
                job = waiting.pop(future)
                try:
                    yield job, future.result()
                except Exception as error:  # the worker died, or the probe failed
                    yield job, error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_news: Any = None


def _start(news: Any) -> None:
    """One thread a worker: the same sums on every machine, and no fight over the cores."""
    global _news
    _news = news
    torch.set_num_threads(1)


def _perform_in_worker(job: Job, setting: Setting) -> Record:
    last = 0.0

    def report(key: str, step: int, steps: int) -> None:
        nonlocal last
        if step == steps or time.monotonic() - last > 0.2:
            last = time.monotonic()
            _news.put((key, step, steps))

    return perform(job, setting, report)


def _drain(news: Any) -> Iterator[tuple[str, int, int]]:
    while True:
        try:
            yield news.get_nowait()
        except Empty:
            return

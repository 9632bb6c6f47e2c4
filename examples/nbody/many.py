"""Many trainings in worker processes: a finished one is only read, a begun one is taken up."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import torch

LATE = "time limit"


def perform_all(
    runs: Mapping[str, Sequence[str]], workers: int, deadline: float = math.inf
) -> Iterator[tuple[str, str]]:
    """Train what is to be trained, and give the name of each run with what went wrong, or "".

    Args:
        runs: overrides of each run by its name, most important first; see :func:`overrides`.
        workers: processes, one thread each; 0 for this process.
        deadline: a time (``time.time()``) after which nothing new is started.
    """
    if workers == 0:
        for name, run in runs.items():
            yield name, perform(run, deadline)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_end_with_parent) as pool:
        futures = {pool.submit(perform, run, deadline): name for name, run in runs.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """End this process when the one that started it is killed, which cannot tell it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def perform(run: Sequence[str], deadline: float = math.inf) -> str:
    """Train one network; returns what went wrong, or ""."""
    from examples.nbody import train

    if time.time() > deadline:
        return LATE
    threads = torch.get_num_threads()
    try:
        train.run(train.configure(run))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        torch.set_num_threads(threads)
    return ""


def overrides(options: Mapping[str, Any]) -> list[str]:
    """Options by their dotted names, such as ``data.n``, in the spelling of the command line.

    A run among many has one thread and no progress bar.

    Example:
        >>> overrides({"norm": "geonorm"})[:2]
        ['threads=1', 'trainer.enable_progress_bar=false']
    """
    common = {
        "threads": 1,
        "trainer.enable_progress_bar": False,
        "trainer.accelerator": "cpu",
    }
    return [f"{name}={spelt(value)}" for name, value in {**common, **options}.items()]


def spelt(value: object) -> str:
    """A value in Hydra's grammar.

    Example:
        >>> spelt({"name": "geonorm", "faithful": True})
        '{name:geonorm,faithful:true}'
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{spelt(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(spelt, value)) + "]"
    return f"'{value}'" if isinstance(value, str) and ("/" in value or " " in value) else str(value)

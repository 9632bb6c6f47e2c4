"""Many trainings in worker processes: a finished one is only read, a begun one is taken up."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

LATE = "time limit"


def perform_all(
    runs: Mapping[str, Mapping[str, Any]], workers: int, deadline: float = math.inf
) -> Iterator[tuple[str, str]]:
    """Train what is to be trained, and give the name of each run with what went wrong, or "".

    Args:
        runs: options of each run by its name, most important first; as in ``data.n``.
        workers: processes, one thread each.
        deadline: a time (``time.time()``) after which nothing new is started.
    """
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


def perform(options: Mapping[str, Any], deadline: float = math.inf) -> str:
    """Train one network; returns what went wrong, or ""."""
    from examples.nbody import train

    if time.time() > deadline:
        return LATE
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        train.run(train.configure([f"{name}={spelt(value)}" for name, value in options.items()]))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


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

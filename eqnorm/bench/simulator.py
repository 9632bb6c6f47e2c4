"""The simulator against its exact mode, the reference's arithmetic; and over cores."""

from __future__ import annotations

import functools
import os
import time
import warnings
from collections.abc import Iterator
from typing import Any

from eqnorm.bench.peers import missing_peers
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.timing import interleaved

SIZES = (5, 20, 50, 100)
STEPS = 500
_WORK = 4e7
"""Pairs times steps of a fast pass: some tens of milliseconds."""


def simulator_cases(settings: Settings) -> Iterator[Case]:
    """One for each number of particles, on one core, and one for all cores."""
    if settings.device != "cpu" or "numba" in missing_peers():
        return
    for nodes in (5, 20) if settings.quick else SIZES:
        name = f"N={nodes}, one core"
        yield Case("simulator", name, functools.partial(_against_exact, nodes, name, settings))
    nodes = 20
    name = f"N={nodes}, {_cores()} cores"
    if _cores() > 1:
        yield Case("simulator", name, functools.partial(_over_cores, nodes, name, settings))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def trajectories(nodes: int) -> int:
    """Enough for a fast pass to be worth timing, and whole registers of eight."""
    pairs = nodes * (nodes - 1) // 2
    return max(8, round(_WORK / (pairs * STEPS * 8)) * 8)


def run(nodes: int, count: int, steps: int = STEPS, **parameters: Any) -> None:
    """Simulate and forget."""
    from eqnorm import nbody

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the reference's own arithmetic warns
        nbody.simulate(count, nodes, steps=steps, sample_every=100, **parameters)


def _against_exact(nodes: int, name: str, settings: Settings) -> list[Record]:
    fast, exact = trajectories(nodes), max(1, min(16, 400 // nodes))
    times = interleaved(
        {
            "fast": lambda: run(nodes, fast, threads=1),
            "exact": lambda: run(nodes, exact, threads=1, mode="exact"),
        },
        settings.seconds,
    )
    each = [t / fast for t in times["fast"]]
    other = [t / exact for t in times["exact"]]
    return [
        Record(
            "simulator",
            f"{name}, {STEPS} steps of a trajectory",
            "fast",
            Ratio.of(each),
            {"exact mode": Ratio.between(other, each)},
            len(each),
        )
    ]


def _over_cores(nodes: int, name: str, settings: Settings) -> list[Record]:
    # Long trajectories, as data sets have them: initial conditions are drawn on one core.
    count, cores, steps = _cores() * trajectories(nodes) // 2, _cores(), 10 * STEPS
    times = interleaved(
        {
            "one": lambda: run(nodes, count, threads=1, steps=steps),
            "all": lambda: run(nodes, count, threads=cores, steps=steps),
        },
        settings.seconds,
        processor_time=False,
    )
    start = time.process_time(), time.perf_counter()
    run(nodes, count, threads=cores, steps=steps)
    had = (time.process_time() - start[0]) / (time.perf_counter() - start[1])
    each = [t / count for t in times["all"]]
    return [
        Record(
            "simulator",
            f"{name}, {steps} steps of a trajectory",
            "fast",
            Ratio.of(each),
            {
                "one core": Ratio.between(times["one"], times["all"]),
                "cores it was given": Ratio.of([had]),
            },
            len(each),
        )
    ]

"""Integrating given initial states, shared out over threads."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from . import checks, kernel, reference
from .config import Config, make_config
from .initial import Array, Initial
from .progress import Progress, reporter
from .trajectories import Trajectories

_TASK_PAIR_STEPS = 5e7
"""Work of a task, about 50 ms: so long the progress bar stands still."""


def integrate(
    loc: Array,
    vel: Array,
    charges: Array,
    *,
    threads: int | None = None,
    progress: Progress = False,
    **parameters: Any,
) -> Trajectories:
    """Integrates given initial states; nothing is drawn, reflected or rescaled.

    Args:
        loc: Initial positions, (M, N, 3), distinct within each system.
        vel: Initial velocities, (M, N, 3).
        charges: Charges, any real numbers, (M, N).
        threads: As in `simulate`.
        progress: As in `simulate`.
        **parameters: Fields of `Config`; the seed and the initial scales have no effect, and
            noise must be 0.

    Returns:
        Trajectories, with loc and vel (M, T, N, 3).
    """
    x, v, q = (np.ascontiguousarray(array, dtype=np.float64) for array in (loc, vel, charges))
    if x.ndim != 3 or x.shape[2] != 3 or v.shape != x.shape or q.shape != x.shape[:2]:
        raise ValueError(
            "loc and vel must have shape (M, N, 3) and charges (M, N), got "
            f"{x.shape}, {v.shape} and {q.shape}; add a first dimension for a single system"
        )
    for name, array in (("loc", x), ("vel", v), ("charges", q)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity; check the input")
    for m, system in enumerate(x):
        if len(np.unique(system, axis=0)) < len(system):
            raise ValueError(
                f"loc must have distinct positions, but two particles of system {m} coincide, "
                "where the force is infinite; move one of them"
            )
    config = make_config(x.shape[1], parameters)
    if config.noise:
        raise ValueError(
            f"noise must be 0 in integrate, which draws no random numbers, got {config.noise}; "
            "use simulate, or add the noise to the result"
        )
    workers = worker_count(threads)
    with ThreadPoolExecutor(workers) as pool, reporter(progress, len(x)) as report:
        return integrate_chunk(Initial(q, x, v, None), config, pool, workers, report)


def integrate_chunk(
    initial: Initial,
    config: Config,
    pool: ThreadPoolExecutor,
    workers: int,
    report: Callable[[int], None],
) -> Trajectories:
    """Integrates one chunk, its trajectories shared out over the threads of a pool."""
    count, n = initial.charges.shape
    kept = config.kept
    loc, vel = (np.empty((count, len(kept), n, 3)) for _ in range(2))
    record = (kept + 1) * config.sample_every
    method = kernel.integrate if config.mode == "fast" else reference.integrate
    unit = kernel.LANES if config.mode == "fast" else reference.block_size(n)
    wanted = _TASK_PAIR_STEPS / (max(n * (n - 1) // 2, 1) * config.steps)
    fair = -(-count // workers)
    size = max(unit, int(min(wanted, fair)) // unit * unit)

    def task(part: slice) -> int:
        method(
            initial.loc[part], initial.vel[part], initial.charges[part], record,
            config.time_step, config.clamp, config.interaction, loc[part], vel[part],
        )  # fmt: skip
        return len(loc[part])

    futures: list[Future[int]] = [
        pool.submit(task, slice(begin, begin + size)) for begin in range(0, count, size)
    ]
    try:
        for future in futures:
            report(future.result())
    finally:
        for future in futures:
            future.cancel()
    if initial.noise is not None:
        noise = initial.noise[:, :, kept].transpose(0, 1, 2, 4, 3) * config.noise
        loc += noise[0]
        vel += noise[1]
    _warn_unless_finite(loc)
    return Trajectories(loc, vel, initial.charges, kept, config)


def _warn_unless_finite(loc: Array) -> None:
    bad = np.atleast_1d(~np.isfinite(loc).all(axis=(1, 2, 3)))
    if bad.any():
        warnings.warn(
            f"{int(bad.sum())} of {len(bad)} trajectories have positions that are not finite "
            f"(the first is number {int(np.argmax(bad))} of its chunk); use a smaller time_step",
            RuntimeWarning,
            stacklevel=2,
        )


def worker_count(threads: int | None) -> int:
    """The threads asked for, or one per core this process may use."""
    if threads is not None:
        return checks.integer("threads", threads, minimum=1)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

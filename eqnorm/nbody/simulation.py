"""Simulating many trajectories: in chunks, over threads, into memory or a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from . import checks, kernel
from .config import Config, make_config
from .initial import Sampler
from .integration import integrate_chunk, worker_count
from .progress import Progress, reporter
from .reader import load_trajectories
from .trajectories import Trajectories
from .writer import TrajectoryWriter

_CHUNK_BYTES = 32 << 20


def simulate(
    num_trajectories: int,
    num_particles: int,
    *,
    out: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress = False,
    **parameters: Any,
) -> Trajectories:
    """Simulates charged particles: the N-body data of the equivariance literature.

    The same seed gives the reference generator's initial conditions, charges and order of random
    numbers; `Config` lists the parameters, the physics and the sources. In fast mode the result is
    the same to the bit for any number of threads, and agrees with the reference until chaos has
    amplified the last bit (about ten frames); in exact mode it is the reference's, bit for bit.

    Args:
        num_trajectories: M, at least 1.
        num_particles: N, at least 1.
        out: A file to write to, chunk by chunk: memory then does not grow with M, and the result's
            arrays are read from the file on demand. Written atomically.
        threads: Threads to use; default, one per core available.
        progress: True for a progress bar (tqdm), or a function of (done, total).
        **parameters: Fields of `Config`: steps=5000, sample_every=100, seed=43, mode="fast",
            frames=None, ...

    Returns:
        Trajectories with loc and vel (M, T, N, 3), charges (M, N).

    Example:
        >>> result = simulate(2, 5, steps=300, sample_every=100)
        >>> result.loc.shape
        (2, 2, 5, 3)
    """
    count = checks.integer("num_trajectories", num_trajectories, minimum=1)
    config = make_config(num_particles, parameters)
    chunks = generate(config, count, threads=threads, progress=progress)
    if out is not None:
        with TrajectoryWriter(out, config, count) as writer:
            for chunk in chunks:
                writer.append(chunk)
        return load_trajectories(out, verify=False)
    kept, n = config.kept, config.num_particles
    loc, vel = (np.empty((count, len(kept), n, 3)) for _ in range(2))
    charges, done = np.empty((count, n)), 0
    for chunk in chunks:
        part = slice(done, done + len(chunk))
        loc[part], vel[part], charges[part] = chunk.loc, chunk.vel, chunk.charges
        done += len(chunk)
    return Trajectories(loc, vel, charges, kept, config)


def generate(
    config: Config,
    num_trajectories: int,
    *,
    threads: int | None = None,
    progress: Progress = False,
    chunk_size: int | None = None,
) -> Iterator[Trajectories]:
    """Yields consecutive chunks of one simulation; their sizes do not change the numbers.

    Args:
        config: The simulation.
        num_trajectories: M.
        threads: Threads to use; default, one per core available.
        progress: True for a progress bar, or a function of (done, total).
        chunk_size: Trajectories in a chunk; default, as many as fit 32 MiB.
    """
    count = checks.integer("num_trajectories", num_trajectories, minimum=1)
    workers = worker_count(threads)
    if chunk_size is None:
        # Frames, and initial states with what it takes to draw them.
        each = 48 * config.num_particles * (len(config.kept) + 4)
        chunk_size = max(kernel.LANES * workers, _CHUNK_BYTES // each // 64 * 64)
    size = checks.integer("chunk_size", chunk_size, minimum=1)
    sizes = [min(size, count - begin) for begin in range(0, count, size)]
    sampler = Sampler(config)
    with ThreadPoolExecutor(workers, "eqnorm-nbody") as pool, reporter(progress, count) as report:
        try:
            upcoming = pool.submit(sampler.next, sizes[0])
            for index in range(len(sizes)):
                initial = upcoming.result()
                if index + 1 < len(sizes):  # drawn while the others integrate
                    upcoming = pool.submit(sampler.next, sizes[index + 1])
                yield integrate_chunk(initial, config, pool, workers, report)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

"""The simulated systems, and what can be predicted about them without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from eqnorm import nbody
from examples.demo.results import Baseline

TASK = (30, 40)  # the state at step 3100 predicts the positions 1000 steps later


def load(
    num_particles: int,
    train: int,
    test: int,
    seed: int,
    cache: Path | None,
    progress: Callable[[int, int], object] | bool = False,
) -> nbody.Splits:
    """Training and test systems, simulated once and then read from a file.

    The seeds of the simulator are apart from those of the networks, so that --seed 1 is a new
    experiment in both.
    """
    return nbody.load_datasets(
        num_particles,
        TASK,
        sizes=(train, 1, test),
        seed=43 + seed,
        cache_dir=cache,
        progress=progress,
        threads=None,
    )


def baseline(data: nbody.Splits) -> Baseline:
    """The errors that any network must beat."""
    fit = nbody.linear(data.train, data.test)
    return Baseline(
        num_particles=data.train.num_particles,
        train_systems=len(data.train),
        test_systems=len(data.test),
        no_motion=nbody.no_motion(data.test),
        linear=fit.mse,
        linear_coefficient=fit.coefficient,
    )

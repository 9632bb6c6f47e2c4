"""The rows of the CSV files: what figures, statements and pages are made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Run:
    """One network trained.

    Attributes:
        status: "finished" or "diverged".
        diverged_step, where: when, and in which layer.
        worst: the largest training loss after the first tenth of the steps, over the error of no
            motion; infinite where it diverged.
        stable: finished, and ``worst`` is at most 10: the leaderboard's criterion.
        learnt: ``last_mse`` is below that of no motion.
        last_mse: test error of the last weights; infinite where it diverged.
        test_mse: test error of the best weights by validation, once an epoch; None without any.
        seconds: as the training application reports them.
    """

    choice: str
    size: int
    layers: int
    hidden: int
    seed: int
    rate: float
    steps: int
    batch: int
    status: str
    diverged_step: int | None
    where: str
    worst: float
    stable: bool
    learnt: bool
    last_mse: float
    test_mse: float | None
    parameters: int
    seconds: float


@dataclass
class Point:
    """A point of a training curve: the largest training loss since the one before."""

    choice: str
    size: int
    layers: int
    seed: int
    rate: float
    steps: int
    step: int
    train: float | None
    val: float | None


@dataclass
class Baseline:
    """Errors without a network, on the test systems of one size."""

    size: int
    test_systems: int
    no_motion: float
    linear: float
    coefficient: float
    centre: float


@dataclass
class Moved:
    """A trained network after rotations and translations of the test systems: Table 1's columns.

    ``r_defect`` and ``t_defect``: mean length of f(Rx + t) - (R f(x) + t). None where the network
    diverged.
    """

    choice: str
    size: int
    layers: int
    seed: int
    unmoved: float | None
    r_mean: float | None
    r_median: float | None
    r_max: float | None
    r_increment: float | None
    r_defect: float | None
    t_mean: float | None
    t_median: float | None
    t_max: float | None
    t_increment: float | None
    t_defect: float | None


@dataclass
class Step:
    """A step of a rollout; see ``rollout.Rollout``."""

    choice: str
    size: int
    seed: int
    step: int
    error: float
    no_motion: float
    ballistic: float
    energy: float
    true_energy: float
    centre: float


@dataclass
class Path3:
    """Where a particle was after a step of a rollout; the choice "true" is the simulator."""

    choice: str
    size: int
    particle: int
    charge: float
    step: int
    x: float
    y: float
    z: float


@dataclass
class Transfer:
    """A network trained at one size and tested at another; no error where it refuses, and why."""

    choice: str
    seed: int
    trained: int
    tested: int
    mse: float | None
    note: str


@dataclass
class Permuted:
    """Mean length of f(Px) - P f(x)."""

    choice: str
    size: int
    seed: int
    defect: float

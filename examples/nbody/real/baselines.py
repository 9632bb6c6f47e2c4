"""Predictions without a network, which every network must beat; mean squared errors in Å²."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from examples.nbody.real.trajectory import Array, Split, Trajectory, pairs


class Baseline(NamedTuple):
    """One prediction: its name, its error on the test set, its coefficients fitted on training."""

    name: str
    mse: float
    coefficients: tuple[float, ...] = ()


def baselines(trajectory: Trajectory, split: Split) -> list[Baseline]:
    """no_motion: x; linear: x + t v; linear_fitted: x + a v; quadratic_fitted: x + a v + b F.

    The coefficients are least squares on the training set, in ps and in Å per kJ/(mol Å).
    """
    found = [Baseline("no_motion", _mse(trajectory, split, ()))]
    if trajectory.velocities is None:
        return found
    time = split.horizon * trajectory.time_step
    found.append(Baseline("linear", _mse(trajectory, split, (time,)), (time,)))
    found.append(_fitted("linear_fitted", trajectory, split, 1))
    if trajectory.forces is not None:
        found.append(_fitted("quadratic_fitted", trajectory, split, 2))
    return found


def _fitted(name: str, trajectory: Trajectory, split: Split, terms: int) -> Baseline:
    known, moved = _columns(trajectory, split.train, split.horizon, terms)
    coefficients = tuple(np.linalg.lstsq(known, moved, rcond=None)[0].tolist())
    return Baseline(name, _mse(trajectory, split, coefficients), coefficients)


def _mse(trajectory: Trajectory, split: Split, coefficients: tuple[float, ...]) -> float:
    known, moved = _columns(trajectory, split.test, split.horizon, len(coefficients))
    return float(np.square(moved - known @ np.asarray(coefficients)).mean())


def _columns(
    trajectory: Trajectory, inputs: range, horizon: int, terms: int
) -> tuple[Array, Array]:
    """v and F of every component, (3 F N, terms), and its displacement, (3 F N,)."""
    start, end = pairs(trajectory, inputs, horizon)
    sources = [trajectory.velocities, trajectory.forces][:terms]
    known = [part[list(inputs)].ravel() for part in sources if part is not None]
    moved = (end - start).ravel()
    return np.stack(known, axis=1) if known else np.zeros((moved.size, 0)), moved

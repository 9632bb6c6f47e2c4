"""Predictions without a model: what any model must beat.

Mean squared errors over all systems, particles and components, as in EGNN's experiment.
"""

from __future__ import annotations

from typing import NamedTuple

from .dataset import NBodyDataset


class LinearFit(NamedTuple):
    """The prediction x + a v: its coefficient, fitted on one set, and its error on another."""

    coefficient: float
    mse: float


def no_motion(data: NBodyDataset) -> float:
    """MSE of the prediction x: nothing moves."""
    return float((data.y.double() - data.x.double()).square().mean())


def linear(train: NBodyDataset, test: NBodyDataset) -> LinearFit:
    """MSE on `test` of the prediction x + a v, `a` fitted on `train` by least squares."""
    v = train.v.double()
    energy = float(v.square().sum())
    moved = float((v * (train.y.double() - train.x.double())).sum())
    a = moved / energy if energy > 0 else 0.0
    error = test.y.double() - test.x.double() - a * test.v.double()
    return LinearFit(a, float(error.square().mean()))


def centre(data: NBodyDataset) -> float:
    """MSE of the prediction that every particle is at the centre of its system's input."""
    middle = data.x.double().mean(dim=1, keepdim=True)
    return float((data.y.double() - middle).square().mean())

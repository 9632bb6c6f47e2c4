"""Predictions in a row: what was predicted is the next input; beside the true trajectory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from eqnorm import nbody
from eqnorm.nbody.batch import collate
from eqnorm.nbody.energies import potential_scale
from examples.demo.train import predict

Array = NDArray[np.float64]
FAR = 1e15  # beyond it squared distances overflow
SAMPLE_EVERY, TIME_STEP = 100, 1e-3  # of the reference simulator


@dataclass(frozen=True)
class Rollout:
    """M systems predicted K times in a row; index 0 is the input.

    Attributes:
        x: predicted positions, (K + 1, M, N, 3).
        true: the simulator's, the same shape.
        error: mean squared error of each step, (K + 1,).
        no_motion, ballistic: the errors of x(0) and of x(0) + a k T v(0), (K + 1,), with the a
            of the fitted one-step prediction.
        energy: median over the systems of |E_k - E_0|, in units of the kinetic and absolute
            potential energies at 0, (K + 1,).
        true_energy: the same of the simulator's own trajectory.
        centre: mean distance of the predicted centre from the true one, (K + 1,).
    """

    x: Array
    true: Array
    error: Array
    no_motion: Array
    ballistic: Array
    energy: Array
    true_energy: Array
    centre: Array


def simulate(
    count: int, size: int, task: tuple[int, int], steps: int, seed: int, cache: Path | None
) -> nbody.Trajectories:
    """Systems with the frames that a rollout passes."""
    stride = task[1] - task[0]
    frames = tuple(task[0] + k * stride for k in range(steps + 1))
    return nbody.load_or_simulate(
        count,
        size,
        seed=seed,
        steps=SAMPLE_EVERY * (frames[-1] + 2),
        sample_every=SAMPLE_EVERY,
        frames=frames,
        cache_dir=cache,
        threads=1,
    )


def roll(model: nn.Module, truth: nbody.Trajectories, coefficient: float) -> Rollout:
    """Predict each frame of ``truth`` from the prediction of the one before.

    The network predicts positions. The velocity that the next step starts from is the mean one
    over the step, (x_{k+1} - x_k) / T: nothing else is known without a second network.

    Args:
        model: of the velocity-EGNN's interface, trained for one stride of ``truth``.
        truth: true trajectories, at equal strides.
        coefficient: a of the fitted x + a v, with v over one stride.
    """
    true = np.moveaxis(truth.loc, 1, 0)
    time = float(truth.frames[1] - truth.frames[0]) * SAMPLE_EVERY * TIME_STEP
    count, size = truth.charges.shape
    charges = torch.tensor(truth.charges, dtype=torch.float32)[..., None]
    x = torch.tensor(true[0], dtype=torch.float32)
    v = torch.tensor(truth.vel[:, 0], dtype=torch.float32)
    start, speed0 = x, v
    places, speeds = [true[0]], [truth.vel[:, 0]]
    for _ in truth.frames[1:]:
        parts = []
        # A network that ran away is given the input again, and what it then says is not used.
        alive = ((x.abs() < FAR) & (v.abs() < FAR)).all(-1).all(-1)[:, None, None]
        x, v = torch.where(alive, x, start), torch.where(alive, v, speed0)
        for begin in range(0, count, 10):
            part = slice(begin, begin + 10)
            speed = v[part].norm(dim=-1, keepdim=True)
            batch = collate(x[part], v[part], speed, charges[part], x[part])
            with torch.no_grad():
                parts.append(predict(model, batch).view(-1, size, 3))
        after = torch.where(alive, torch.cat(parts), torch.nan)
        x, v = after, (after - x) / time
        places.append(x.double().numpy())
        speeds.append(v.double().numpy())
    predicted, velocities = np.stack(places), np.stack(speeds)
    steps = np.arange(len(true))[:, None, None, None]
    straight = true[0] + coefficient * steps * truth.vel[:, 0]
    return Rollout(
        x=predicted,
        true=true,
        error=_mse(predicted, true),
        no_motion=_mse(true[:1], true),
        ballistic=_mse(straight, true),
        energy=_drift(predicted, velocities, truth.charges),
        true_energy=_drift(true, np.moveaxis(truth.vel, 1, 0), truth.charges),
        centre=_apart(predicted, true),
    )


def _mse(predicted: Array, true: Array) -> Array:
    whole = np.isfinite(predicted).all(axis=(1, 2, 3))
    gap = np.where(whole[:, None, None, None], predicted, 0.0) - true
    return np.where(whole, np.square(gap).mean(axis=(1, 2, 3)), np.inf)


def _apart(predicted: Array, true: Array) -> Array:
    whole = np.isfinite(predicted).all(axis=(1, 2, 3))
    centre = np.where(whole[:, None, None, None], predicted, 0.0).mean(2)
    gap = np.linalg.norm(centre - true.mean(2), axis=-1)
    return np.where(whole, gap.mean(1), np.inf)


def _drift(x: Array, v: Array, charges: Array) -> Array:
    every = np.broadcast_to(charges, x.shape[:-1])
    finite = np.isfinite(x).all(axis=(2, 3)) & np.isfinite(v).all(axis=(2, 3))
    there = finite[..., None, None]
    energy = nbody.energy(np.where(there, x, x[:1]), np.where(there, v, v[:1]), every)
    scale = potential_scale(x[0], v[0], charges)
    drift = np.where(finite, np.abs(energy - energy[0]) / scale, np.inf)
    return np.asarray(np.median(drift, axis=1))

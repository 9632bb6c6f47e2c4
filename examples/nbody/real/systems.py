"""Systems from trajectories: which frames, which kinds of particles, which unit of velocity."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from examples.nbody.real.system import System
from examples.nbody.real.trajectory import Trajectory, pairs


def systems(
    trajectory: Trajectory, inputs: Iterable[int], horizon: int, cutoff: float, *, open: bool
) -> list[System]:
    """One system for each window.

    Args:
        trajectory: what was read.
        inputs: input frames.
        horizon: frames from input to target.
        cutoff: of the edges, Å.
        open: leave the periodic box away.
    """
    frames = list(inputs)
    start, end = pairs(trajectory, frames, horizon)
    assert trajectory.velocities is not None  # of both data sets
    travelled = trajectory.velocities[frames] * (horizon * trajectory.time_step)
    kinds = one_hot(trajectory.labels)
    return [
        System(
            x=torch.from_numpy(start[k]),
            v=torch.from_numpy(travelled[k]),
            h=kinds,
            target=torch.from_numpy(end[k]),
            box=None
            if open or trajectory.boxes is None
            else torch.diag(torch.from_numpy(trajectory.boxes[frame])),
            cutoff=cutoff,
        )
        for k, frame in enumerate(frames)
    ]


def one_hot(labels: tuple[str, ...]) -> Tensor:
    """One column for each kind of particle, in alphabetical order: (N, F), float64."""
    kinds = sorted(set(labels))
    index = torch.tensor([kinds.index(label) for label in labels])
    return torch.nn.functional.one_hot(index, len(kinds)).double()

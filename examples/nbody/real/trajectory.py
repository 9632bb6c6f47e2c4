"""What a trajectory read from a file is: arrays in Å, ps and kJ/(mol Å), and windows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """T frames of N particles.

    Attributes:
        name: of the system.
        positions: Å, (T, N, 3), float64; in a periodic box unwrapped, so that a particle's path
            has no jumps.
        velocities: Å/ps, (T, N, 3), or None where the file has none.
        forces: kJ/(mol Å), (T, N, 3), or None.
        boxes: edge lengths of the right-angled periodic box of each frame, Å, (T, 3); None for an
            open system.
        time_step: between frames, ps.
        labels: type of each particle, (N,), strings.
    """

    name: str
    positions: Array
    velocities: Array | None
    forces: Array | None
    boxes: Array | None
    time_step: float
    labels: tuple[str, ...]

    @property
    def num_frames(self) -> int:
        """T."""
        return self.positions.shape[0]

    @property
    def num_particles(self) -> int:
        """N."""
        return self.positions.shape[1]


class Split(NamedTuple):
    """Input frames of the three sets; each predicts `horizon` frames later."""

    train: range
    val: range
    test: range
    horizon: int


def time_ordered(num_frames: int, horizon: int, val: int, test: int, first: int = 0) -> Split:
    """A split by time in which no target of the test set is seen before testing.

    The last `test` windows are the test set, the `val` windows before them choose the checkpoint.
    Training ends before those, and so early that none of its frames, inputs or targets, is a frame
    of the test set. Targets of the validation set may be inputs of the test set, never targets.

    Args:
        num_frames: T.
        horizon: frames from input to target.
        val: windows for validation.
        test: windows for testing.
        first: first frame that can be an input.

    Raises:
        ValueError: too few frames.
    """
    stop = num_frames - horizon - test
    split = Split(
        train=range(first, min(stop - horizon, stop - val)),
        val=range(stop - val, stop),
        test=range(stop, num_frames - horizon),
        horizon=horizon,
    )
    if min(horizon, val, test, len(split.train)) < 1:
        raise ValueError(
            f"{num_frames} frames from frame {first} on are too few for horizon={horizon}, "
            f"val={val}, test={test}: they need {first + 1 + max(val, horizon) + test + horizon}, "
            "and horizon, val and test at least 1"
        )
    return split


def pairs(trajectory: Trajectory, inputs: Sequence[int], horizon: int) -> tuple[Array, Array]:
    """Input positions and target positions, both (F, N, 3), of the windows that begin at `inputs`.

    In a periodic box the target is the position of the same copy of the particle: the
    displacement is the one travelled, whatever boundaries were crossed.
    """
    given = np.asarray(inputs)
    return trajectory.positions[given], trajectory.positions[given + horizon]

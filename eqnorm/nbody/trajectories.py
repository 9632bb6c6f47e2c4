"""What a simulation returns: trajectories, with their charges, frames and energies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from . import checks
from .config import Config
from .energies import energy, potential_scale

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """M trajectories of N charged particles at T frames, float64, dimensionless units.

    Attributes:
        loc: Positions, (M, T, N, 3).
        vel: Velocities, (M, T, N, 3).
        charges: Charges, (M, N).
        frames: Number of each frame in the whole trajectory, ascending, (T,); frame k is step
            (k + 1) * sample_every.
        config: The simulation's parameters, or None where they are not known.
    """

    loc: Array
    vel: Array
    charges: Array
    frames: NDArray[np.int64]
    config: Config | None = None

    def __post_init__(self) -> None:
        shape = (len(self.charges), len(self.frames), *self.charges.shape[1:], 3)
        for name in ("loc", "vel"):
            found = getattr(self, name).shape
            if found != shape or len(shape) != 4:
                raise ValueError(
                    f"{name} must have shape (M, T, N, 3) = {shape} to match charges (M, N) = "
                    f"{self.charges.shape} and {len(self.frames)} frames, got {found}; "
                    "use Trajectories.from_official for arrays of shape (M, T, 3, N)"
                )

    def __len__(self) -> int:
        return len(self.charges)

    def __getitem__(self, index: slice) -> Trajectories:
        """The trajectories of a slice, sharing memory."""
        if not isinstance(index, slice):
            raise TypeError(
                f"index must be a slice, got {index!r}; for one trajectory use [m : m + 1]"
            )
        return replace(self, loc=self.loc[index], vel=self.vel[index], charges=self.charges[index])

    @property
    def num_particles(self) -> int:
        """N."""
        return int(self.charges.shape[1])

    @property
    def edges(self) -> Array:
        """Charge products q_i q_j, (M, N, N): the reference's `edges`."""
        return np.asarray(self.charges[:, :, None] * self.charges[:, None, :])

    def at(self, frame: int) -> tuple[Array, Array]:
        """Positions and velocities (M, N, 3) at a frame, by its number in the whole trajectory."""
        number = checks.integer("frame", frame, minimum=0)
        (found,) = np.nonzero(np.asarray(self.frames) == number)
        if not len(found):
            raise ValueError(
                f"frame must be one of the frames kept, {_listed(self.frames)}, got {number}; "
                "simulate with frames=None, or with this frame among `frames`"
            )
        return self.loc[:, found[0]], self.vel[:, found[0]]

    def split(self, sizes: Sequence[int]) -> tuple[Trajectories, ...]:
        """Consecutive parts of the given sizes, sharing memory."""
        parts = [checks.integer("sizes", size, minimum=0) for size in sizes]
        if sum(parts) > len(self):
            raise ValueError(
                f"sizes must sum to at most the {len(self)} trajectories, got {sum(parts)}; "
                "simulate more trajectories or ask for fewer"
            )
        ends = np.cumsum([0, *parts])
        return tuple(self[a:b] for a, b in pairwise(ends))

    def energies(self) -> Array:
        """Total energy at each frame, (M, T)."""
        interaction = 1.0 if self.config is None else self.config.interaction
        charges = np.broadcast_to(self.charges[:, None], self.loc.shape[:-1])
        return energy(self.loc, self.vel, charges, interaction=interaction)

    def energy_drift(self) -> Array:
        """Relative energy change of each trajectory from its first frame to its last, (M,).

        `(E_last - E_first) / (K + sum_{i<j} |U_ij|)_first`: the denominator is the energy that
        moves around, which does not vanish where attraction and motion cancel. Charges that pass
        closely are clamped and change it by more than the integrator does.
        """
        interaction = 1.0 if self.config is None else self.config.interaction
        total = self.energies()
        scale = potential_scale(
            self.loc[:, 0], self.vel[:, 0], self.charges, interaction=interaction
        )
        return np.asarray((total[:, -1] - total[:, 0]) / scale)

    @classmethod
    def from_official(
        cls, loc: Array, vel: Array, charges: Array, config: Config | None = None
    ) -> Trajectories:
        """From the reference's layout: loc, vel (M, T, 3, N), charges (M, N, 1) or (M, N)."""
        for name, array in (("loc", loc), ("vel", vel)):
            if array.ndim != 4 or array.shape[2] != 3:
                raise ValueError(
                    f"{name} must have shape (M, T, 3, N), got {array.shape}; "
                    "is it a file of the official generator?"
                )
        frames = np.arange(loc.shape[1], dtype=np.int64)
        flat = np.asarray(charges, dtype=np.float64).reshape(len(charges), -1)
        return cls(np.swapaxes(loc, 2, 3), np.swapaxes(vel, 2, 3), flat, frames, config)

    def to_official(self) -> tuple[Array, Array, Array, Array]:
        """In the reference's layout: loc, vel (M, T, 3, N), edges (M, N, N), charges (M, N, 1)."""
        return (
            np.swapaxes(self.loc, 2, 3),
            np.swapaxes(self.vel, 2, 3),
            self.edges,
            self.charges[..., None],
        )


def _listed(frames: NDArray[np.int64]) -> str:
    values = [int(frame) for frame in frames]
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(map(str, values))

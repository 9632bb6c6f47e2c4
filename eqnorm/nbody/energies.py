"""Energy of a system of charges: what an exact integrator would conserve."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import checks
from ._numba import compiled

Array = NDArray[np.float64]


@compiled
def _energies(
    loc: Array, vel: Array, charges: Array, interaction: float, magnitude: bool, out: Array
) -> None:
    for m in range(loc.shape[0]):
        kinetic, potential = 0.0, 0.0
        for i in range(loc.shape[1]):
            for c in range(3):
                kinetic += 0.5 * vel[m, i, c] ** 2
            for j in range(i):
                dx = loc[m, i, 0] - loc[m, j, 0]
                dy = loc[m, i, 1] - loc[m, j, 1]
                dz = loc[m, i, 2] - loc[m, j, 2]
                u = charges[m, i] * charges[m, j] / math.sqrt(dx * dx + dy * dy + dz * dz)
                potential += interaction * (abs(u) if magnitude else u)
        out[m] = kinetic + potential


def energy(loc: Array, vel: Array, charges: Array, *, interaction: float = 1.0) -> Array:
    """Total energy `sum_i |v_i|^2 / 2 + interaction * sum_{i<j} q_i q_j / |x_i - x_j|`.

    Unit masses, the dimensionless units of the simulator. Recorded velocities are half a step
    behind the positions (the integrator is the symplectic Euler scheme), an error of order dt.

    Args:
        loc: Positions, (..., N, 3).
        vel: Velocities, (..., N, 3).
        charges: Charges, (..., N).
        interaction: Strength of the interaction.

    Returns:
        Energies, (...).
    """
    return _total(loc, vel, charges, interaction, magnitude=False)


def potential_scale(loc: Array, vel: Array, charges: Array, *, interaction: float = 1.0) -> Array:
    """The energy with every pair's potential taken positive: the scale of `energy_drift`."""
    return _total(loc, vel, charges, interaction, magnitude=True)


def _total(loc: Array, vel: Array, charges: Array, interaction: float, *, magnitude: bool) -> Array:
    strength = checks.real("interaction", interaction, minimum=0.0)
    n = loc.shape[-2] if loc.ndim > 1 else -1
    if loc.shape != vel.shape or loc.shape[:-1] != charges.shape or loc.shape[-1:] != (3,):
        raise ValueError(
            "loc and vel must have shape (..., N, 3) and charges (..., N), got "
            f"{loc.shape}, {vel.shape} and {charges.shape}; broadcast charges over the frames"
        )
    x, v = (np.ascontiguousarray(a, dtype=np.float64).reshape(-1, n, 3) for a in (loc, vel))
    q = np.ascontiguousarray(charges, dtype=np.float64).reshape(-1, n)
    out = np.empty(int(np.prod(loc.shape[:-2])))
    _energies(x, v, q, strength, magnitude, out)
    return out.reshape(loc.shape[:-2])

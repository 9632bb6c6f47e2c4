"""The exact mode: the reference generator's arithmetic, operation by operation, in numpy.

Differences in the last bit grow without bound in a chaotic system, so equality to the bit needs the
same library calls in the same order: the squared distance expanded as |a|^2 + |b|^2 - 2ab with ab
from BLAS, the power 3/2 from numpy, numpy's pairwise summation. All but the BLAS call are batched
over trajectories, which changes no bit. The bits are those that the reference gives *on the same
machine*: BLAS and numpy choose their instructions by processor.

Source: Satorras et al. 2021 (arXiv:2102.09844), n_body_system/dataset of the official repository,
after Kipf et al. 2018 (arXiv:1802.04687) and Fuchs et al. 2020 (arXiv:2006.10503).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK_BYTES = 1 << 19
"""Size of the largest temporary, (B, 3, N, N): about what a core's cache holds."""


def block_size(num_particles: int) -> int:
    """Trajectories to integrate together."""
    return max(1, min(256, _BLOCK_BYTES // (24 * num_particles**2)))


class _Forces:
    """Clamped forces on B systems of N particles, with its buffers."""

    def __init__(self, charges: Array, interaction: float, clamp: float) -> None:
        b, n = charges.shape
        self.clamp = clamp
        self.strength = interaction * (charges[:, :, None] * charges[:, None, :])
        self.diagonal = np.arange(n)
        self.gram = np.empty((b, n, n))
        self.square = np.empty((b, n, n))
        self.size = np.empty((b, n, n))
        self.diff = np.empty((b, 3, n, n))

    def __call__(self, loc: Array) -> Array:
        """Positions (B, 3, N) to forces (B, 3, N)."""
        for system, out in zip(loc, self.gram, strict=True):
            np.dot(system.T, system, out=out)  # one call each: BLAS decides the order of sums
        norm = (loc**2).sum(axis=1)
        np.add(norm[:, :, None], norm[:, None, :], out=self.square)
        np.multiply(self.gram, 2, out=self.gram)
        np.subtract(self.square, self.gram, out=self.square)
        np.power(self.square, 3.0 / 2.0, out=self.size)
        np.divide(self.strength, self.size, out=self.size)
        self.size[:, self.diagonal, self.diagonal] = 0.0
        np.subtract(loc[:, :, :, None], loc[:, :, None, :], out=self.diff)
        np.multiply(self.size[:, None], self.diff, out=self.diff)
        force: Array = self.diff.sum(axis=-1)
        return np.clip(force, -self.clamp, self.clamp, out=force)


def integrate(
    loc: Array,
    vel: Array,
    charges: Array,
    record: NDArray[np.int64],
    time_step: float,
    clamp: float,
    interaction: float,
    out_loc: Array,
    out_vel: Array,
) -> None:
    """Integrates M trajectories; arguments as in `kernel.integrate`."""
    m, n = charges.shape
    size = block_size(n)
    # particles that coincide, or rounding below zero on the diagonal, warn in the reference too
    with np.errstate(all="ignore"):
        for begin in range(0, m, size):
            part = slice(begin, begin + size)
            x = loc[part].transpose(0, 2, 1).copy(order="C")
            v = vel[part].transpose(0, 2, 1).copy(order="C")
            forces = _Forces(charges[part], interaction, clamp)
            step = 0
            for t, target in enumerate(record):
                while step < target:
                    v += time_step * forces(x)
                    x += time_step * v
                    step += 1
                out_loc[part, t] = x.transpose(0, 2, 1)
                out_vel[part, t] = v.transpose(0, 2, 1)

"""Liquid argon, from `TNG_traj_vels_forces` of MDAnalysisTests.

GROMACS wrote it: 1000 atoms in a cubic periodic box of 36.014 Å at 86 K, 51 frames 0.02 ps apart
(every tenth step of 2 fs), positions and velocities rounded to 0.01 Å and 0.01 Å/ps by the file's
compression, forces in full. MDAnalysis gives Å, Å/ps and kJ/(mol Å). It names the unit of time a
second, and gives 0.02 for a frame: the velocities show that these are picoseconds.
"""

from __future__ import annotations

import warnings

import numpy as np

from examples.nbody.real.trajectory import Array, Trajectory

MASS = 39.948  # g/mol
ROUNDING = 0.01  # of positions, Å: 0.001 nm in the file
ROUNDING_MSE = 2 * ROUNDING**2 / 12
"""MSE, Å², below which no prediction can get: input and target are rounded, independently."""

FORCE_TO_ACCELERATION = 100.0 / MASS
"""From kJ/(mol Å) to Å/ps²: 1 kJ/(mol Å g/mol) is 100 Å/ps²."""


def read() -> Trajectory:
    """All frames, unwrapped.

    Raises:
        ImportError: MDAnalysis, its test data or pytng is missing.
        ValueError: the file is not what this module was written for.
    """
    try:
        import MDAnalysis
        import pytng  # noqa: F401  # MDAnalysis would report its absence as an unknown format
        from MDAnalysisTests.datafiles import TNG_traj_vels_forces
    except ImportError as error:
        raise ImportError(
            f"the argon data need MDAnalysis, MDAnalysisTests and pytng ({error}): "
            "pip install 'eqnorm-zoo[examples]'"
        ) from None
    with warnings.catch_warnings():
        # A trajectory without topology: no masses and types to guess, and no time step stated.
        warnings.filterwarnings("ignore", category=UserWarning, module="MDAnalysis")
        warnings.filterwarnings("ignore", "Reader has no dt information")
        universe = MDAnalysis.Universe(TNG_traj_vels_forces)
        rows = [
            (ts.positions.copy(), ts.velocities.copy(), ts.forces.copy(), ts.dimensions, ts.time)
            for ts in universe.trajectory
        ]
    wrapped, velocities, forces, cells, times = (
        np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)
    )
    if not np.allclose(cells[:, 3:], 90.0):
        raise ValueError(f"the box must be right-angled, got angles {cells[0, 3:].tolist()}")
    steps = np.diff(times)
    if not np.allclose(steps, steps[0]):
        raise ValueError("the frames must be equally spaced in time")
    boxes = cells[:, :3]
    return Trajectory(
        name="argon",
        positions=unwrap(wrapped, boxes),
        velocities=velocities,
        forces=forces,
        boxes=boxes,
        time_step=float(steps[0]),
        labels=("AR",) * wrapped.shape[1],
    )


def unwrap(positions: Array, boxes: Array) -> Array:
    """Paths without jumps: every step is the shortest of the periodic copies.

    x_t = x_{t-1} + d - L round(d / L), d the difference of the wrapped positions. Right as long as
    no particle moves by half the box from one frame to the next.

    Args:
        positions: wrapped, (T, N, 3).
        boxes: edge lengths of each frame, (T, 3).

    Raises:
        ValueError: a step is longer than a quarter of the box, and so in doubt.
    """
    lengths = boxes[1:, None]
    steps = np.diff(positions, axis=0)
    steps -= lengths * np.round(steps / lengths)
    if (np.abs(steps) > lengths / 4).any():
        raise ValueError(
            f"a particle moves by {np.abs(steps).max():.3g} from one frame to the next in a box of "
            f"{boxes.min():.3g}: too far to unwrap; use frames closer in time"
        )
    return np.concatenate([positions[:1], positions[:1] + np.cumsum(steps, axis=0)])

"""Adenylate kinase closing and opening, from `PSF` and `DCD` of MDAnalysisTests.

3341 atoms, 214 residues, 98 frames of a transition made by dynamic importance sampling (DIMS):
biased steps, not free dynamics. The header gives 1 ps a frame, which is nominal. There are no
velocities, no forces and no periodic box.
"""

from __future__ import annotations

import warnings
from types import MappingProxyType

import numpy as np

from examples.nbody.real.trajectory import Trajectory

SELECTIONS = MappingProxyType({"ca": "name CA", "backbone": "backbone", "all": "all"})
"""Names of the atoms taken, and what they are in MDAnalysis's selection language."""


def read(selection: str = "ca") -> Trajectory:
    """All frames of the selected atoms; velocities are the displacements from the frame before.

    The first frame has no frame before it: its velocities are zero, and data sets begin with the
    second.

    Args:
        selection: "ca" (214 atoms), "backbone" (855) or "all" (3341).

    Raises:
        ImportError: MDAnalysis or its test data is missing.
        ValueError: unknown selection.
    """
    if selection not in SELECTIONS:
        raise ValueError(f"selection must be one of {', '.join(SELECTIONS)}, got {selection!r}")
    try:
        import MDAnalysis
        from MDAnalysisTests.datafiles import DCD, PSF
    except ImportError as error:
        raise ImportError(
            f"the AdK data need MDAnalysis and MDAnalysisTests ({error}): "
            "pip install 'eqnorm-zoo[examples]'"
        ) from None
    with warnings.catch_warnings():
        # About changes in future versions of its DCD reader, which do not touch what is read here.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        universe = MDAnalysis.Universe(PSF, DCD)
        atoms = universe.select_atoms(SELECTIONS[selection])
        rows = [(atoms.positions.copy(), step.time) for step in universe.trajectory]
        labels = tuple(str(name) for name in atoms.names)
    positions = np.array([row[0] for row in rows], dtype=np.float64)
    time_step = float(rows[1][1] - rows[0][1])
    moved = np.diff(positions, axis=0, prepend=positions[:1])
    return Trajectory(
        name=f"adk-{selection}",
        positions=positions,
        velocities=moved / time_step,
        forces=None,
        boxes=None,
        time_step=time_step,
        labels=labels,
    )

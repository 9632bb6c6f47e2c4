"""The official `.npy` files of the EGNN repository's generator."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import checks
from .trajectories import Trajectories

_PARTS = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}
_KINDS = ("loc", "vel", "edges", "charges")


def load_official(
    directory: str | os.PathLike[str],
    split: str = "train",
    *,
    suffix: str = "charged5_initvel1small",
) -> Trajectories:
    """Loads one split of the files that the official generator writes.

    It writes loc, vel (M, T, 3, N), edges (M, N, N) and charges (M, N, 1) as, for example,
    `loc_train_charged5_initvel1small.npy`. Arrays are read from the files on demand.

    Args:
        directory: Where the files are.
        split: "train", "val" or "test".
        suffix: The end of the names: "charged5_initvel1small" is the data set "nbody_small",
            "charged5_initvel1" is "nbody".

    Raises:
        FileNotFoundError: If a file is missing; lists the suffixes that are there.
        ValueError: If a file is damaged, or shapes or charge products do not match.

    Source: Satorras et al. 2021 (arXiv:2102.09844), n_body_system/dataset.
    """
    folder = Path(directory)
    part = _PARTS[checks.choice("split", split, _PARTS)]
    arrays = {kind: _load(folder, f"{kind}_{part}_", suffix) for kind in _KINDS}
    loc, charges, edges = arrays["loc"], arrays["charges"], arrays["edges"]
    m, t, n = (loc.shape[0], loc.shape[1], loc.shape[3]) if loc.ndim == 4 else (-1, -1, -1)
    expected: dict[str, list[tuple[int, ...]]] = {
        "loc": [(m, t, 3, n)],
        "vel": [(m, t, 3, n)],
        "edges": [(m, n, n)],
        "charges": [(m, n, 1), (m, n)],
    }
    for kind, shapes in expected.items():
        if arrays[kind].shape not in shapes:
            raise ValueError(
                f"{kind}_{part}_{suffix}.npy must have shape {shapes[0]} to match loc of shape "
                f"{loc.shape} = (M, T, 3, N), got {arrays[kind].shape}; "
                "are all four files from the same run of the generator?"
            )
    flat = charges.reshape(m, n)
    if not np.array_equal(edges, flat[:, :, None] * flat[:, None, :]):
        raise ValueError(
            f"edges_{part}_{suffix}.npy must hold the products of the charges in "
            f"charges_{part}_{suffix}.npy, got others; are both from the same run?"
        )
    return Trajectories.from_official(loc, arrays["vel"], flat)


def _load(folder: Path, prefix: str, suffix: str) -> NDArray[np.float64]:
    path = folder / f"{prefix}{suffix}.npy"
    if not path.exists():
        found = sorted(file.stem.removeprefix(prefix) for file in folder.glob(f"{prefix}*.npy"))
        there = f"suffixes there: {', '.join(found)}" if found else "no such files are there"
        raise FileNotFoundError(
            f"no {path.name} in {folder} ({there}); pass suffix=..., or make data of the same "
            "kind with eqnorm.nbody.load_datasets"
        )
    try:
        array: NDArray[np.float64] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is not a whole .npy file ({error}); copy or generate it again"
        ) from error
    return array

"""Training, validation and test sets of one seed or one directory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from . import checks
from .cache import load_or_simulate
from .dataset import NBodyDataset
from .official import load_official
from .progress import Progress
from .tasks import task_frames

if TYPE_CHECKING:
    import torch

_SUFFIXES = {
    "nbody": "charged{n}_initvel1",
    "nbody_small": "charged{n}_initvel1small",
    "nbody_small_out_dist": "charged{n}_initvel1small",
}


class Splits(NamedTuple):
    """The three sets."""

    train: NBodyDataset
    val: NBodyDataset
    test: NBodyDataset


def load_datasets(
    num_particles: int = 5,
    task: str | Sequence[int] = "nbody_small",
    *,
    sizes: Sequence[int] = (3000, 2000, 2000),
    max_train: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress = False,
    features: str | Sequence[str] = "speed",
    center: bool = False,
    dtype: torch.dtype | None = None,
    **parameters: Any,
) -> Splits:
    """Training, validation and test sets, simulated once and kept in a file.

    As in the reference, one seed makes the training, then the validation, then the test set. The
    official "nbody_small" has 10000 training systems of which 3000 are used, so its validation and
    test sets are those of `sizes=(10000, 2000, 2000), max_train=3000`. Only the task's two frames
    are kept, unless `frames` is given.

    Args:
        num_particles: N.
        task: A name of `TASKS` or a pair of frames (input, target).
        sizes: Systems to simulate for each set.
        max_train: Use only so many training systems.
        cache_dir: As in `load_or_simulate`.
        threads: As in `simulate`.
        progress: As in `simulate`.
        features: As in `NBodyDataset`.
        center: As in `NBodyDataset`.
        dtype: As in `NBodyDataset`.
        **parameters: Fields of `Config`: seed=43, mode="fast", steps=5000, sample_every=100, ...
    """
    pair = task_frames(task)
    if isinstance(sizes, str | int) or len(sizes) != 3:
        raise ValueError(
            f"sizes must be three numbers (train, val, test), got {sizes!r}; "
            "for example (3000, 2000, 2000)"
        )
    counts = [checks.integer("sizes", size, minimum=1) for size in sizes]
    parameters.setdefault("frames", pair)
    data = load_or_simulate(
        sum(counts),
        num_particles,
        cache_dir=cache_dir,
        threads=threads,
        progress=progress,
        **parameters,
    )
    limits = (max_train, None, None)
    return Splits(
        *(
            NBodyDataset(part, pair, features=features, center=center, dtype=dtype, limit=limit)
            for part, limit in zip(data.split(counts), limits, strict=True)
        )
    )


def official_datasets(
    directory: str | os.PathLike[str],
    task: str = "nbody_small",
    *,
    num_particles: int = 5,
    max_train: int | None = 3000,
    features: str | Sequence[str] = "speed",
    center: bool = False,
    dtype: torch.dtype | None = None,
) -> Splits:
    """Training, validation and test sets from the official `.npy` files.

    Args:
        directory: Where the files are.
        task: A name of `TASKS`; it decides the names of the files as in the official code.
        num_particles: N, part of the names.
        max_train: Use only so many training systems, 3000 in the paper.
        features: As in `NBodyDataset`.
        center: As in `NBodyDataset`.
        dtype: As in `NBodyDataset`.
    """
    suffix = _SUFFIXES[checks.choice("task", task, _SUFFIXES)].format(n=num_particles)
    limits = {"train": max_train, "val": None, "test": None}
    return Splits(
        *(
            NBodyDataset(
                load_official(directory, split, suffix=suffix),
                task,
                features=features,
                center=center,
                dtype=dtype,
                limit=limit,
            )
            for split, limit in limits.items()
        )
    )

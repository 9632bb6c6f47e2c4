"""Which frame is given and which is predicted, under the names of the literature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from . import checks

TASKS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"nbody": (6, 8), "nbody_small": (30, 40), "nbody_small_out_dist": (20, 30)}
)
"""Names of the official EGNN data sets. "nbody_small" is the 1000-step prediction of Satorras et
al. 2021 (100 steps a frame); "nbody" was generated with 500 steps a frame by its authors."""


def task_frames(task: str | Sequence[int]) -> tuple[int, int]:
    """The (input, target) frames of a task, given by name or as such a pair."""
    if isinstance(task, str):
        return TASKS[checks.choice("task", task, TASKS)]
    try:
        first, last = task
    except (TypeError, ValueError):
        raise TypeError(
            f"task must be a name ({', '.join(TASKS)}) or a pair (input frame, target frame), "
            f"got {task!r}; for example (30, 40)"
        ) from None
    pair = checks.integer("task", first, minimum=0), checks.integer("task", last, minimum=0)
    if pair[0] >= pair[1]:
        raise ValueError(
            f"task must have its input frame before its target frame, got {pair}; "
            f"for example {pair[::-1] if pair[0] > pair[1] else (pair[0], pair[0] + 1)}"
        )
    return pair

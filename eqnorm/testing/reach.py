"""Inputs kept to sizes of which a dtype can hold the squares."""

from __future__ import annotations

import dataclasses
import math

import torch

from eqnorm.testing.cases import Case, Motion
from eqnorm.testing.tolerances import TOLERANCES


def within_reach(case: Case, dtype: torch.dtype) -> Case:
    """The input, its lengths no larger and no smaller than ``dtype`` can square.

    In float16, which ends at 65504, a system of size 1000 is beyond what any model could be asked
    to handle: its squared distances are infinite. Other dtypes reach beyond all that is drawn.

    Example:
        >>> within_reach(Case((3,), scale=1e3, offset=1.0), torch.float16).scale
        16.0
        >>> within_reach(Case((3,), scale=1e3, offset=1.0), torch.float32).scale
        1000.0
    """
    low, high = _reach(dtype)
    scale = min(max(case.scale, low), high)
    return dataclasses.replace(
        case,
        scale=scale,
        offset=min(case.offset, TOLERANCES.aside * high),
        outlier=min(case.outlier, TOLERANCES.aside * high / scale),
        vectors=min(max(case.vectors, low), high),
    )


def move_within_reach(motion: Motion, dtype: torch.dtype) -> Motion:
    """The motion, its shift within reach too."""
    return dataclasses.replace(motion, shift=min(motion.shift, TOLERANCES.aside * _reach(dtype)[1]))


def _reach(dtype: torch.dtype) -> tuple[float, float]:
    """Smallest and largest length: powers of 2, so that printed examples stay short."""
    limits = torch.finfo(dtype)
    low, high = (math.frexp(limit)[1] // 2 for limit in (limits.tiny, limits.max))
    return 2.0**low, 2.0**high / TOLERANCES.room

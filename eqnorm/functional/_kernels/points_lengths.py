"""Lengths in the compiled kernels of points, as :mod:`eqnorm.functional.lengths` has them.

``tiny`` is below what squares are told from zero: the root of the smallest normal number of the
dtype of the points. Comparisons are written so that NaN takes the branch that it takes in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from eqnorm.functional._kernels.kept import njit, on_disk

_F = TypeVar("_F", bound=Callable[..., Any])
# The order of sums is meant: x - mu0 - mu is zero for one point, and x - (mu0 + mu) is not.
OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}


def jit(function: _F) -> _F:
    """Compile a function with its sums in their order, kept on disk where that is possible."""
    return on_disk(function, OPTIONS)


def part(function: _F) -> _F:
    """Compile a function that other loops call, and Python never."""
    compiled: _F = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(function)
    return compiled


def inner(function: _F) -> _F:
    """Compile a function into those that call it: a call with five arrays takes some 30 ns."""
    compiled: _F = njit(
        forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS
    )(function)
    return compiled


@inner
def positive(square: float, tiny: float) -> Any:
    """A squared scale to measure by; 1 where there is none."""
    return square if square > tiny else 1.0


@inner
def root(square: float, tiny: float) -> Any:
    """The square root, of which the gradient at zero is zero for whatever the square is of."""
    return np.sqrt(square) if square > tiny else square


@inner
def root_slope(square: float, tiny: float) -> Any:
    """The derivative of :func:`root`."""
    return 0.5 / np.sqrt(square) if square > tiny else 1.0


@inner
def cap_factor(square: float, cap_sq: float, tiny: float) -> Any:
    """L / sqrt(L^2 + square): what a vector of that squared length is multiplied by."""
    return root(cap_sq, tiny) / np.sqrt(positive(cap_sq + square, tiny))


@inner
def cap_slopes(square: float, cap_sq: float, tiny: float) -> Any:
    """The derivatives of :func:`cap_factor` by ``square`` and by ``cap_sq``."""
    total = cap_sq + square
    inverse = 1 / np.sqrt(positive(total, tiny))
    by_square = 0.0
    if total > tiny:
        # In this order: the square of a long vector may be infinite.
        by_square = -0.5 * (root(cap_sq, tiny) * inverse) * inverse * inverse
    return by_square, root_slope(cap_sq, tiny) * inverse + by_square


@inner
def clip_factor(square: float, cap_sq: float, tiny: float) -> Any:
    """Min(1, L / length)."""
    if square > cap_sq:
        return root(cap_sq, tiny) / np.sqrt(positive(square, tiny))
    return 1.0


@inner
def clip_slopes(square: float, cap_sq: float, tiny: float) -> Any:
    """The derivatives of :func:`clip_factor` by ``square`` and by ``cap_sq``."""
    if not square > cap_sq:
        return 0.0, 0.0
    inverse = 1 / np.sqrt(positive(square, tiny))
    by_square = 0.0
    if square > tiny:
        by_square = -0.5 * (root(cap_sq, tiny) * inverse) * inverse * inverse
    return by_square, root_slope(cap_sq, tiny) * inverse

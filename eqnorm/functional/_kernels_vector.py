"""Inner loops of the compiled kernels: on slices, since numba vectorises nothing else.

A loop over ``x[i, a:b]`` from 0 runs seven times faster than one over ``x[i, c]`` from a to b,
whose indices numba has to check for negative values.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
# By name: numba is optional, and nothing imports this module where it is missing.
_njit = importlib.import_module("numba").njit
# Sums may be taken in any order; NaN and Inf keep their meaning.
_OPTIONS = {"nogil": True, "fastmath": {"contract", "reassoc"}, "error_model": "numpy"}


def jit(function: _F) -> _F:
    """Compile a function, and keep the code on disk where that is possible."""
    try:
        cached: _F = _njit(cache=True, **_OPTIONS)(function)
        return cached
    except RuntimeError:  # no place to write to: compile in every process
        plain: _F = _njit(**_OPTIONS)(function)
        return plain


@jit
def add(a: Any, total: Any) -> None:
    """Total += a."""
    for c in range(total.shape[0]):
        total[c] += a[c]


@jit
def flush(part: Any, total: Any) -> None:
    """Total += part; part = 0."""
    for c in range(total.shape[0]):
        total[c] += part[c]
        part[c] = 0


@jit
def add_square(a: Any, total: Any) -> None:
    """Total += a^2."""
    for c in range(total.shape[0]):
        total[c] += a[c] * a[c]


@jit
def add_deviation(a: Any, pivot: Any, total: Any, squares: Any) -> None:
    """Total += a - pivot, squares += (a - pivot)^2."""
    for c in range(total.shape[0]):
        d = a[c] - pivot[c]
        total[c] += d
        squares[c] += d * d


@jit
def add_product(g: Any, a: Any, total: Any) -> None:
    """Total += g a."""
    for c in range(total.shape[0]):
        total[c] += g[c] * a[c]


@jit
def add_product_deviation(g: Any, a: Any, centre: Any, sums: Any, total: Any) -> None:
    """Sums += g, total += g (a - centre)."""
    for c in range(total.shape[0]):
        sums[c] += g[c]
        total[c] += g[c] * (a[c] - centre[c])


@jit
def scale(a: Any, factor: Any, out: Any) -> None:
    """Out = a factor."""
    for c in range(out.shape[0]):
        out[c] = a[c] * factor[c]


@jit
def shift_scale(a: Any, minus: Any, factor: Any, plus: Any, out: Any) -> None:
    """Out = (a - minus) factor + plus."""
    for c in range(out.shape[0]):
        out[c] = (a[c] - minus[c]) * factor[c] + plus[c]


@jit
def combine(g: Any, factor: Any, a: Any, slope: Any, out: Any) -> None:
    """Out = g factor + a slope."""
    for c in range(out.shape[0]):
        out[c] = g[c] * factor[c] + a[c] * slope[c]


@jit
def shift_combine(
    g: Any, factor: Any, a: Any, centre: Any, slope: Any, level: Any, out: Any
) -> None:
    """Out = g factor + (a - centre) slope + level."""
    for c in range(out.shape[0]):
        out[c] = g[c] * factor[c] + (a[c] - centre[c]) * slope[c] + level[c]


# --- rows: one number for all columns of a slice ------------------------------------------------


@jit
def row_sum(a: Any) -> Any:
    """Sum of a."""
    total = a.dtype.type(0)
    for c in range(a.shape[0]):
        total += a[c]
    return total


@jit
def row_square(a: Any, centre: Any) -> Any:
    """Sum of (a - centre)^2."""
    total = a.dtype.type(0)
    for c in range(a.shape[0]):
        d = a[c] - centre
        total += d * d
    return total


@jit
def row_affine(a: Any, centre: Any, r: Any, factor: Any, out: Any) -> None:
    """Out = (a - centre) r factor."""
    for c in range(out.shape[0]):
        out[c] = (a[c] - centre) * r * factor[c]


@jit
def row_product(g: Any, a: Any, centre: Any, r: Any, factor: Any, total: Any) -> Any:
    """Total += g (a - centre) r; returns the sum of g (a - centre) factor."""
    dot = a.dtype.type(0)
    for c in range(total.shape[0]):
        product = g[c] * (a[c] - centre)
        total[c] += product * r
        dot += product * factor[c]
    return dot


@jit
def row_combine(g: Any, factor: Any, r: Any, a: Any, centre: Any, slope: Any, out: Any) -> None:
    """Out = g factor r + (a - centre) slope."""
    for c in range(out.shape[0]):
        out[c] = g[c] * factor[c] * r + (a[c] - centre) * slope

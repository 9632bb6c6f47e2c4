"""Inner loops of the compiled kernels, over one run of the columns of one row.

Rows and columns are unsigned (:func:`unsigned`): indices that could be negative, and so count
from the end, keep numba from vectorising, which costs a factor of seven. Slices would do too, but
each costs some ten nanoseconds, as much as thirty columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from eqnorm.functional._kernels.kept import njit, on_disk

_F = TypeVar("_F", bound=Callable[..., Any])
# Sums may be taken in any order; NaN and Inf keep their meaning.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": {"contract", "reassoc"},
    "error_model": "numpy",
}


def jit(function: _F) -> _F:
    """Compile a function, and keep the code on disk where that is possible."""
    return on_disk(function, OPTIONS)


def inner(function: _F) -> _F:
    """Compile a function that other kernels call, and Python never; they are kept on disk."""
    compiled: _F = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(function)
    return compiled


def inlined(function: _F) -> _F:
    """Compile a function within those that call it, which spares compiling all it calls again."""
    compiled: _F = njit(inline="always", **OPTIONS)(function)
    return compiled


@inner
def unsigned(index: Any) -> Any:
    """An index that is known not to be negative."""
    return np.uint64(index)


@inner
def flush(part: Any, total: Any, b: Any) -> None:
    """Total[b] += part; part = 0."""
    for c in range(unsigned(part.shape[0])):
        total[b, c] += part[c]
        part[c] = 0


@inner
def copy_row(x: Any, i: Any, low: Any, high: Any, out: Any, b: Any) -> None:
    """Out[b] = x[i], in columns low to high; assigned slices take far longer to compile."""
    for c in range(low, high):
        out[b, c] = x[i, c]


@inner
def add_deviation(x: Any, i: Any, pivot: Any, b: Any, total: Any, squares: Any) -> None:
    """Total += x[i] - pivot[b], squares += its square."""
    for c in range(unsigned(total.shape[0])):
        d = x[i, c] - pivot[b, c]
        total[c] += d
        squares[c] += d * d


@inner
def add_deviation_4(x: Any, i: Any, pivot: Any, b: Any, total: Any, squares: Any) -> None:
    """Like add_deviation, for the rows i to i + 3: a third of the loads and stores."""
    j, k, m = i + unsigned(1), i + unsigned(2), i + unsigned(3)
    for c in range(unsigned(total.shape[0])):
        p, q = x[i, c] - pivot[b, c], x[j, c] - pivot[b, c]
        r, s = x[k, c] - pivot[b, c], x[m, c] - pivot[b, c]
        total[c] += (p + q) + (r + s)
        squares[c] += (p * p + q * q) + (r * r + s * s)


@inner
def add_product(g: Any, x: Any, i: Any, centre: Any, b: Any, sums: Any, total: Any) -> None:
    """Sums += g[i], total += g[i] (x[i] - centre[b])."""
    for c in range(unsigned(total.shape[0])):
        sums[c] += g[i, c]
        total[c] += g[i, c] * (x[i, c] - centre[b, c])


@inner
def add_product_2(g: Any, x: Any, i: Any, centre: Any, b: Any, sums: Any, total: Any) -> None:
    """Like add_product, for the rows i and i + 1."""
    j = i + unsigned(1)
    for c in range(unsigned(total.shape[0])):
        m = centre[b, c]
        sums[c] += g[i, c] + g[j, c]
        total[c] += g[i, c] * (x[i, c] - m) + g[j, c] * (x[j, c] - m)


@inner
def scale(x: Any, i: Any, factor: Any, b: Any, low: Any, high: Any, out: Any) -> None:
    """Out[i] = x[i] factor[b], in columns low to high."""
    for c in range(low, high):
        out[i, c] = x[i, c] * factor[b, c]


@inner
def shift_scale(
    x: Any, i: Any, minus: Any, factor: Any, plus: Any, b: Any, low: Any, high: Any, out: Any
) -> None:
    """Out[i] = (x[i] - minus[b]) factor[b] + plus[b], in columns low to high."""
    for c in range(low, high):
        out[i, c] = (x[i, c] - minus[b, c]) * factor[b, c] + plus[b, c]


@inner
def combine(
    g: Any, x: Any, i: Any, factor: Any, slope: Any, b: Any, low: Any, high: Any, out: Any
) -> None:
    """Out[i] = g[i] factor[b] + x[i] slope[b], in columns low to high."""
    for c in range(low, high):
        out[i, c] = g[i, c] * factor[b, c] + x[i, c] * slope[b, c]


@inner
def shift_combine(
    g: Any,
    x: Any,
    i: Any,
    centre: Any,
    factor: Any,
    slope: Any,
    level: Any,
    b: Any,
    low: Any,
    high: Any,
    out: Any,
) -> None:
    """Out[i] = g[i] factor[b] + (x[i] - centre[b]) slope[b] + level[b], in columns low to high."""
    for c in range(low, high):
        out[i, c] = g[i, c] * factor[b, c] + (x[i, c] - centre[b, c]) * slope[b, c] + level[b, c]

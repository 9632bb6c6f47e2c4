"""Inner loops of the compiled row norms: one number for all columns of a run of one row.

Rows and columns are unsigned, as in :mod:`eqnorm.functional._kernels.vector`.
"""

from __future__ import annotations

from typing import Any

from eqnorm.functional._kernels.vector import inner, unsigned


@inner
def row_sum(x: Any, i: Any, low: Any, high: Any) -> Any:
    """Sum of x[i], in columns low to high."""
    total = x.dtype.type(0)
    for c in range(low, high):
        total += x[i, c]
    return total


@inner
def row_square(x: Any, i: Any, centre: Any, low: Any, high: Any) -> Any:
    """Sum of (x[i] - centre)^2, in columns low to high."""
    total = x.dtype.type(0)
    for c in range(low, high):
        d = x[i, c] - centre
        total += d * d
    return total


@inner
def row_affine(
    x: Any, i: Any, centre: Any, r: Any, factor: Any, plus: Any, low: Any, high: Any, out: Any
) -> None:
    """Out[i] = (x[i] - centre) r factor + plus, in columns low to high."""
    for c in range(low, high):
        out[i, c] = (x[i, c] - centre) * r * factor[c] + plus[c]


@inner
def row_scale(x: Any, i: Any, r: Any, factor: Any, low: Any, high: Any, out: Any) -> None:
    """Out[i] = x[i] r factor, in columns low to high."""
    for c in range(low, high):
        out[i, c] = x[i, c] * r * factor[c]


@inner
def row_product_2(
    g: Any, x: Any, i: Any, r: Any, s: Any, factor: Any, low: Any, high: Any, total: Any
) -> Any:
    """Like row_product without a centre, for the rows i and i + 1: both of their sums."""
    j = i + unsigned(1)
    first, second = x.dtype.type(0), x.dtype.type(0)
    for c in range(low, high):
        p, q = g[i, c] * x[i, c], g[j, c] * x[j, c]
        total[c] += p * r + q * s
        first += p * factor[c]
        second += q * factor[c]
    return first, second


@inner
def row_product(
    g: Any, x: Any, i: Any, centre: Any, r: Any, factor: Any, low: Any, high: Any, total: Any
) -> Any:
    """Total += g[i] (x[i] - centre) r; returns the sum of g[i] (x[i] - centre) factor."""
    dot = x.dtype.type(0)
    for c in range(low, high):
        product = g[i, c] * (x[i, c] - centre)
        total[c] += product * r
        dot += product * factor[c]
    return dot


@inner
def row_combine(
    g: Any,
    x: Any,
    i: Any,
    centre: Any,
    slope: Any,
    r: Any,
    factor: Any,
    low: Any,
    high: Any,
    out: Any,
) -> None:
    """Out[i] = g[i] factor r + (x[i] - centre) slope, in columns low to high."""
    for c in range(low, high):
        out[i, c] = g[i, c] * factor[c] * r + (x[i, c] - centre) * slope


@inner
def row_add(g: Any, i: Any, low: Any, high: Any, total: Any) -> None:
    """Total += g[i], in columns low to high."""
    for c in range(low, high):
        total[c] += g[i, c]


@inner
def row_subtract(out: Any, i: Any, value: Any, low: Any, high: Any) -> None:
    """Out[i] -= value, in columns low to high."""
    for c in range(low, high):
        out[i, c] -= value

"""LayerNorm of the lengths of a node's copies as loops, compiled by numba.

``table`` is that of :mod:`eqnorm.functional._kernels.copies`; its kinds have a statistic each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import activations, copies
from eqnorm.functional._kernels import copies_values as lengths
from eqnorm.functional._kernels.vector import flush as _flush
from eqnorm.functional._kernels.vector import inner, jit, unsigned

_products, _combine = copies.products, copies.combine
_take, _put, _lengths, _directions = (
    lengths.take,
    lengths.put,
    lengths.lengths,
    lengths.directions,
)
_gains, _slopes = activations.gains, activations.slopes


@inner
def _statistics(
    v: Any, i: Any, rows: Any, table: Any, count: Any, eps: float, mean: Any, r: Any
) -> None:
    """Fill rows i.. of mean and r, the inverse root of the variance, of every kind."""
    kind = v.dtype.type
    for t in range(rows):
        for q in range(count.shape[0]):
            mean[i + t, q], r[i + t, q] = kind(0), kind(0)
        for block in range(table.shape[0]):
            low, q = unsigned(table[block, 3]), table[block, 4]
            total = kind(0)
            for k in range(low, low + unsigned(table[block, 1])):
                total += v[t, k]
            mean[i + t, q] += total
        for q in range(count.shape[0]):
            mean[i + t, q] /= kind(count[q])
        for block in range(table.shape[0]):
            low, q = unsigned(table[block, 3]), table[block, 4]
            m = mean[i + t, q]
            total = kind(0)
            for k in range(low, low + unsigned(table[block, 1])):
                total += (v[t, k] - m) * (v[t, k] - m)
            r[i + t, q] += total
        for q in range(count.shape[0]):
            r[i + t, q] = kind(1) / np.sqrt(r[i + t, q] / kind(count[q]) + kind(eps))


@inner
def _normalised(
    v: Any, i: Any, rows: Any, table: Any, mean: Any, r: Any, weight: Any, bias: Any, z: Any
) -> None:
    """Z = (v - mean) r w + b."""
    for block in range(table.shape[0]):
        low, q = unsigned(table[block, 3]), table[block, 4]
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            m, s = mean[i + t, q], r[i + t, q]
            for k in range(low, high):
                z[t, k] = (v[t, k] - m) * s * weight[k] + bias[k]


@inner
def _back(
    v: Any,
    i: Any,
    rows: Any,
    table: Any,
    count: Any,
    mean: Any,
    r: Any,
    weight: Any,
    dz: Any,
    dw: Any,
    db: Any,
    sums: Any,
) -> None:
    """From the gradient dz of z: that of v, in its place, and parts of those of w and b."""
    kind = v.dtype.type
    for t in range(rows):
        for q in range(count.shape[0]):
            sums[0, q], sums[1, q] = kind(0), kind(0)
        for block in range(table.shape[0]):
            low, q = unsigned(table[block, 3]), table[block, 4]
            m, s = mean[i + t, q], r[i + t, q]
            first, second = kind(0), kind(0)
            for k in range(low, low + unsigned(table[block, 1])):
                d, u = dz[t, k], (v[t, k] - m) * s
                dw[k] += d * u
                db[k] += d
                first += d * weight[k]
                second += d * weight[k] * u
            sums[0, q] += first
            sums[1, q] += second
        for block in range(table.shape[0]):
            low, q = unsigned(table[block, 3]), table[block, 4]
            m, s = mean[i + t, q], r[i + t, q]
            first, second = sums[0, q] / kind(count[q]), sums[1, q] / kind(count[q])
            for k in range(low, low + unsigned(table[block, 1])):
                dz[t, k] = s * (dz[t, k] * weight[k] - first - (v[t, k] - m) * s * second)


@jit
def forward(
    x: Any,
    tile: int,
    table: Any,
    count: Any,
    ir_mul: bool,
    weight: Any,
    bias: Any,
    eps: float,
    length_eps: float,
    activation: int,
    y: Any,
    mean: Any,
    r: Any,
) -> None:
    """Fill y (N, D), mean (N, Q) and r (N, Q)."""
    size = unsigned(tile)
    v, z = np.empty((size, weight.shape[0]), x.dtype), np.empty((size, weight.shape[0]), x.dtype)
    none = np.zeros_like(z)
    n = unsigned(x.shape[0])
    i = unsigned(0)
    while i < n:
        rows = min(size, n - i)
        _products(x, i, x, i, rows, table, ir_mul, v, z)
        _lengths(v, rows, table, length_eps, 0.0)
        _take(x, i, rows, table, v)
        _statistics(v, i, rows, table, count, eps, mean, r)
        _normalised(v, i, rows, table, mean, r, weight, bias, z)
        _gains(z, v, rows, table, activation)
        _combine(x, i, x, i, rows, table, ir_mul, z, none, y)
        _put(z, rows, table, y, i)
        i += rows


@jit
def backward(
    g: Any,
    x: Any,
    tile: int,
    table: Any,
    count: Any,
    ir_mul: bool,
    weight: Any,
    bias: Any,
    length_eps: float,
    activation: int,
    mean: Any,
    r: Any,
    dx: Any,
    dw: Any,
    db: Any,
) -> None:
    """Fill dx (N, D), dw (K,) and db (K,) from the gradient g (N, D)."""
    width = weight.shape[0]
    size = unsigned(tile)
    v, d = np.empty((size, width), x.dtype), np.empty((size, width), x.dtype)
    z, a = np.empty((size, width), x.dtype), np.empty((size, width), x.dtype)
    sums = np.empty((2, count.shape[0]), x.dtype)
    part_w, part_b = np.zeros(width, x.dtype), np.zeros(width, x.dtype)
    total = np.zeros((2, width))
    n = unsigned(x.shape[0])
    i = unsigned(0)
    while i < n:
        rows = min(size, n - i)
        _products(g, i, x, i, rows, table, ir_mul, v, d)
        _lengths(v, rows, table, length_eps, 0.0)
        _take(x, i, rows, table, v)
        _take(g, i, rows, table, d)
        _normalised(v, i, rows, table, mean, r, weight, bias, z)
        _slopes(z, v, d, a, rows, table, activation)
        _back(v, i, rows, table, count, mean, r, weight, d, part_w, part_b, sums)
        _flush(part_w, total, unsigned(0))
        _flush(part_b, total, unsigned(1))
        _directions(z, d, v, rows, table, 0.0)
        _combine(g, i, x, i, rows, table, ir_mul, a, z, dx)
        _put(d, rows, table, dx, i)
        i += rows
    for k in range(width):
        dw[k], db[k] = total[0, k], total[1, k]

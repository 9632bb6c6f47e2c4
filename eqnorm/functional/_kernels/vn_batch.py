"""BatchNorm of the lengths of copies as loops, compiled by numba.

Two passes over the rows: the first for statistics, or for sums of gradients, the second for what
is returned. Lengths are found anew in each: kept, they would take as much memory as a third of x,
which costs more. ``table`` is that of :mod:`eqnorm.functional._kernels.copies`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import activations, copies, vector
from eqnorm.functional._kernels import copies_values as values
from eqnorm.functional._kernels.vector import inner, jit, unsigned

_products, _combine = copies.products, copies.combine
_take, _put, _lengths, _directions = values.take, values.put, values.lengths, values.directions
_gains, _slopes = activations.gains, activations.slopes
_deviation, _product, _flush = vector.add_deviation, vector.add_product, vector.flush
_shift_scale, _shift_combine = vector.shift_scale, vector.shift_combine
_scale, _copy_row = vector.scale, vector.copy_row


@inner
def _constants(weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> Any:
    """Mean, scale, bias, slope and level of every copy, the last two 0: rows of one array."""
    rows = np.zeros((5, mean.shape[0]), weight.dtype)
    for k in range(mean.shape[0]):
        rows[0, k] = mean[k]
        rows[1, k] = weight[k] / np.sqrt(var[k] + eps)
        rows[2, k] = bias[k]
    return rows


@inner
def _moments(total: Any, pivot: Any, count: int, mean: Any, var: Any) -> None:
    """Mean and variance from sums of v - pivot and of its square."""
    for k in range(mean.shape[0]):
        offset = total[0, k] / count
        mean[k] = pivot[0, k] + offset
        var[k] = max(total[1, k] / count - offset * offset, 0.0)


@jit
def forward(
    x: Any,
    mask: Any,
    tile: int,
    table: Any,
    ir_mul: bool,
    weight: Any,
    bias: Any,
    eps: float,
    length_eps: float,
    activation: int,
    count: int,
    mean: Any,
    var: Any,
    y: Any,
) -> None:
    """Fill y (N, D), and mean and var (K,), unless ``count`` is 0: they are given then."""
    size, n, width = unsigned(tile), unsigned(x.shape[0]), mean.shape[0]
    v, z = np.empty((size, width), x.dtype), np.empty((size, width), x.dtype)
    none, pivot = np.zeros_like(v), np.zeros((1, width), x.dtype)
    part, squares = np.zeros(width, x.dtype), np.zeros(width, x.dtype)
    total, rows_of = np.zeros((2, width)), _constants(weight, bias, mean, var, eps)
    started = False
    for stage in range(0 if count else 1, 2):
        i = unsigned(0)
        while i < n:
            rows = min(size, n - i)
            _products(x, i, x, i, rows, table, ir_mul, v, z)
            _lengths(v, rows, table, length_eps, length_eps)
            _take(x, i, rows, table, v)
            for t in range(rows):
                if stage == 1:
                    _shift_scale(
                        v,
                        t,
                        rows_of[0:1],
                        rows_of[1:2],
                        rows_of[2:3],
                        unsigned(0),
                        unsigned(0),
                        unsigned(width),
                        z,
                    )
                elif mask.shape[0] == 0 or mask[i + t]:
                    if not started:
                        started = True
                        _copy_row(v, t, unsigned(0), unsigned(width), pivot, unsigned(0))
                    _deviation(v, t, pivot, unsigned(0), part, squares)
            if stage == 1:
                _gains(z, v, rows, table, activation)
                _combine(x, i, x, i, rows, table, ir_mul, z, none, y)
                _put(z, rows, table, y, i)
            else:
                _flush(part, total, unsigned(0))
                _flush(squares, total, unsigned(1))
            i += rows
        if stage == 0:
            _moments(total, pivot, count, mean, var)
            rows_of = _constants(weight, bias, mean, var, eps)


@jit
def backward(
    g: Any,
    x: Any,
    mask: Any,
    tile: int,
    table: Any,
    ir_mul: bool,
    weight: Any,
    bias: Any,
    eps: float,
    length_eps: float,
    activation: int,
    count: int,
    mean: Any,
    var: Any,
    dx: Any,
    dw: Any,
    db: Any,
) -> None:
    """Fill dx (N, D), dw (K,) and db (K,) from the gradient g (N, D)."""
    size, n, width = unsigned(tile), unsigned(x.shape[0]), mean.shape[0]
    v, d = np.empty((size, width), x.dtype), np.empty((size, width), x.dtype)
    z, a = np.empty((size, width), x.dtype), np.empty((size, width), x.dtype)
    part_w, part_b = np.zeros(width, x.dtype), np.zeros(width, x.dtype)
    total, rows_of = np.zeros((2, width)), _constants(weight, bias, mean, var, eps)
    centre, scale, plus = rows_of[0:1], rows_of[1:2], rows_of[2:3]
    slope, level = rows_of[3:4], rows_of[4:5]
    zero, end = unsigned(0), unsigned(width)
    for stage in range(0 if count else 1, 2):
        i = unsigned(0)
        while i < n:
            rows = min(size, n - i)
            _products(g, i, x, i, rows, table, ir_mul, v, d)
            _lengths(v, rows, table, length_eps, length_eps)
            _take(x, i, rows, table, v)
            _take(g, i, rows, table, d)
            for t in range(rows):
                _shift_scale(v, t, centre, scale, plus, zero, zero, end, z)
            _slopes(z, v, d, a, rows, table, activation)
            if stage == 0 or count == 0:
                for t in range(rows):
                    _product(d, v, t, centre, zero, part_b, part_w)
                _flush(part_w, total, unsigned(0))
                _flush(part_b, total, unsigned(1))
            if stage == 1:
                for t in range(rows):
                    if mask.shape[0] == 0 or mask[i + t]:
                        _shift_combine(d, v, t, centre, scale, slope, level, zero, zero, end, d)
                    else:
                        _scale(d, t, scale, zero, zero, end, d)
                _directions(z, d, v, rows, table, length_eps)
                _combine(g, i, x, i, rows, table, ir_mul, a, z, dx)
                _put(d, rows, table, dx, i)
            i += rows
        if stage == 0:
            for k in range(width):
                slope[0, k] = -total[0, k] * scale[0, k] / ((var[k] + eps) * count)
                level[0, k] = -total[1, k] * scale[0, k] / count
    for k in range(width):
        dw[k] = total[0, k] / np.sqrt(var[k] + eps)
        db[k] = total[1, k]

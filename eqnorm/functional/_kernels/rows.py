"""Row norms as loops, compiled by numba: statistics of a node's own features.

``table`` has a row (start, stop, group, is scalar, is centred) for every block, ``divisors`` the
divisor of its squares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import vector_rows as vector
from eqnorm.functional._kernels.vector import flush as _flush
from eqnorm.functional._kernels.vector import inner, jit, unsigned

TILE = 64
_sum, _square, _affine = vector.row_sum, vector.row_square, vector.row_affine
_scale = vector.row_scale
_product, _product_2, _combine = vector.row_product, vector.row_product_2, vector.row_combine
_add, _subtract = vector.row_add, vector.row_subtract


@inner
def _to_columns(values: Any, copies: Any) -> Any:
    columns = np.empty(copies.shape[0], values.dtype)
    for c in range(copies.shape[0]):
        columns[c] = values[copies[c]]
    return columns


@inner
def _centred_mean(x: Any, i: Any, table: Any) -> Any:
    """Mean over the centred columns of one node; 0 where there are none."""
    total = x.dtype.type(0)
    count = 0
    for j in range(table.shape[0]):
        if table[j, 4]:
            total += _sum(x, i, unsigned(table[j, 0]), unsigned(table[j, 1]))
            count += table[j, 1] - table[j, 0]
    return total / x.dtype.type(max(count, 1))


@jit
def forward(
    x: Any,
    table: Any,
    divisors: Any,
    copies: Any,
    weight: Any,
    bias: Any,
    eps: Any,
    y: Any,
    mean: Any,
    var: Any,
) -> None:
    """Fill y (N, D), mean (N,) and var (N, Q)."""
    kind = x.dtype.type
    columns = _to_columns(weight, copies)
    plus = np.zeros_like(columns)
    k0 = 0
    for j in range(table.shape[0]):
        if table[j, 3]:
            for c in range(table[j, 0], table[j, 1]):
                plus[c] = bias[k0]
                k0 += 1
    for i in range(unsigned(x.shape[0])):
        m = _centred_mean(x, i, table)
        mean[i] = m
        var[i, :] = kind(0)
        for j in range(table.shape[0]):
            centre = m if table[j, 4] else kind(0)
            square = _square(x, i, centre, unsigned(table[j, 0]), unsigned(table[j, 1]))
            var[i, table[j, 2]] += kind(square / divisors[j])
        for j in range(table.shape[0]):
            a, b, q = unsigned(table[j, 0]), unsigned(table[j, 1]), table[j, 2]
            r = kind(1.0 / np.sqrt(var[i, q] + eps[q]))
            if table[j, 3]:
                _affine(x, i, m if table[j, 4] else kind(0), r, columns, plus, a, b, y)
            else:
                _scale(x, i, r, columns, a, b, y)


@jit
def backward(
    g: Any,
    x: Any,
    table: Any,
    divisors: Any,
    copies: Any,
    weight: Any,
    eps: Any,
    mean: Any,
    var: Any,
    dx: Any,
    dw: Any,
    db: Any,
) -> None:
    """Fill dx (N, D), dw (K,) and db (K0,) from the gradient g (N, D)."""
    n, dim = x.shape
    kind = x.dtype.type
    groups = var.shape[1]
    columns = _to_columns(weight, copies)
    part_w, part_b = np.zeros(dim, x.dtype), np.zeros(dim, x.dtype)
    total_w, total_b = np.zeros((1, dim)), np.zeros((1, dim))
    rs, dots = np.empty((2, groups), x.dtype), np.empty((2, groups), x.dtype)
    i, end, one = unsigned(0), unsigned(n), unsigned(1)
    while i < end:
        # Two rows at once: weights and their gradients are loaded and stored half as often.
        pair = min(unsigned(2), end - i)
        for t in range(pair):
            for q in range(groups):
                rs[t, q] = kind(1.0 / np.sqrt(var[i + t, q] + eps[q]))
                dots[t, q] = kind(0)
        for j in range(table.shape[0]):
            a, b, q = unsigned(table[j, 0]), unsigned(table[j, 1]), table[j, 2]
            if pair > one and not table[j, 4]:
                d, e = _product_2(g, x, i, rs[0, q], rs[1, q], columns, a, b, part_w)
                dots[0, q] += d
                dots[1, q] += e
            else:
                for t in range(pair):
                    centre = mean[i + t] if table[j, 4] else kind(0)
                    d = _product(g, x, i + t, centre, rs[t, q], columns, a, b, part_w)
                    dots[t, q] += d
            if table[j, 3]:
                for t in range(pair):
                    _add(g, i + t, a, b, part_b)
        for t in range(pair):
            for j in range(table.shape[0]):
                a, b, q = unsigned(table[j, 0]), unsigned(table[j, 1]), table[j, 2]
                centre = mean[i + t] if table[j, 4] else kind(0)
                r = rs[t, q]
                slope = kind(-dots[t, q] * r * r * r / divisors[j])
                _combine(g, x, i + t, centre, slope, r, columns, a, b, dx)
            pull = _centred_mean(dx, i + t, table)
            for j in range(table.shape[0]):
                if table[j, 4]:
                    _subtract(dx, i + t, pull, unsigned(table[j, 0]), unsigned(table[j, 1]))
        i += pair
        if i % unsigned(TILE) < pair:
            _flush(part_w, total_w, unsigned(0))
            _flush(part_b, total_b, unsigned(0))
    _flush(part_w, total_w, unsigned(0))
    _flush(part_b, total_b, unsigned(0))
    sums = np.zeros(dw.shape[0])
    for c in range(dim):
        sums[copies[c]] += total_w[0, c]
    for k in range(dw.shape[0]):
        dw[k] = sums[k]
    k0 = 0
    for j in range(table.shape[0]):
        if table[j, 3]:
            for c in range(table[j, 0], table[j, 1]):
                db[k0] = total_b[0, c]
                k0 += 1

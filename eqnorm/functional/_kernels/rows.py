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
_product, _combine = vector.row_product, vector.row_combine
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
            centre = m if table[j, 4] else kind(0)
            _affine(x, i, centre, r, columns, plus, a, b, y)


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
    rs, dots = np.empty(groups, x.dtype), np.empty(groups, x.dtype)
    for i in range(unsigned(n)):
        m = mean[i]
        for q in range(groups):
            rs[q] = kind(1.0 / np.sqrt(var[i, q] + eps[q]))
            dots[q] = kind(0)
        for j in range(table.shape[0]):
            a, b, q = unsigned(table[j, 0]), unsigned(table[j, 1]), table[j, 2]
            centre = m if table[j, 4] else kind(0)
            dots[q] += _product(g, x, i, centre, rs[q], columns, a, b, part_w)
            if table[j, 3]:
                _add(g, i, a, b, part_b)
        for j in range(table.shape[0]):
            a, b, q = unsigned(table[j, 0]), unsigned(table[j, 1]), table[j, 2]
            centre = m if table[j, 4] else kind(0)
            slope = kind(-dots[q] * rs[q] * rs[q] * rs[q] / divisors[j])
            _combine(g, x, i, centre, slope, rs[q], columns, a, b, dx)
        pull = _centred_mean(dx, i, table)
        for j in range(table.shape[0]):
            if table[j, 4]:
                _subtract(dx, i, pull, unsigned(table[j, 0]), unsigned(table[j, 1]))
        if i % unsigned(TILE) == unsigned(0):
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

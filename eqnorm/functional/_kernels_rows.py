"""Row norms as loops, compiled by numba: statistics of a node's own features.

``table`` has a row (start, stop, group, is scalar, is centred) for every block, ``divisors`` the
divisor of its squares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional import _kernels_vector as vector
from eqnorm.functional._kernels_vector import jit

TILE = 64
_add, _flush, _sum, _square = vector.add, vector.flush, vector.row_sum, vector.row_square
_affine, _product, _combine = vector.row_affine, vector.row_product, vector.row_combine


@jit
def _to_columns(weight: Any, copies: Any) -> Any:
    columns = np.empty(copies.shape[0], weight.dtype)
    for c in range(copies.shape[0]):
        columns[c] = weight[copies[c]]
    return columns


@jit
def _centred_mean(row: Any, table: Any) -> Any:
    """Mean over the centred columns of one node; 0 where there are none."""
    total = row.dtype.type(0)
    count = 0
    for j in range(table.shape[0]):
        if table[j, 4]:
            total += _sum(row[table[j, 0] : table[j, 1]])
            count += table[j, 1] - table[j, 0]
    return total / row.dtype.type(max(count, 1))


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
    for i in range(x.shape[0]):
        m = _centred_mean(x[i], table)
        mean[i] = m
        var[i, :] = kind(0)
        for j in range(table.shape[0]):
            centre = m if table[j, 4] else kind(0)
            square = _square(x[i, table[j, 0] : table[j, 1]], centre)
            var[i, table[j, 2]] += kind(square / divisors[j])
        k0 = 0
        for j in range(table.shape[0]):
            a, b, q = table[j, 0], table[j, 1], table[j, 2]
            r = kind(1.0 / np.sqrt(var[i, q] + eps[q]))
            centre = m if table[j, 4] else kind(0)
            _affine(x[i, a:b], centre, r, columns[a:b], y[i, a:b])
            if table[j, 3]:
                _add(bias[k0 : k0 + b - a], y[i, a:b])
                k0 += b - a


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
    part_w, total_w = np.zeros(dim, x.dtype), np.zeros(dim)
    part_b, total_b = np.zeros(db.shape[0], x.dtype), np.zeros(db.shape[0])
    rs, dots = np.empty(groups, x.dtype), np.empty(groups, x.dtype)
    for i in range(n):
        m = mean[i]
        for q in range(groups):
            rs[q] = kind(1.0 / np.sqrt(var[i, q] + eps[q]))
            dots[q] = kind(0)
        k0 = 0
        for j in range(table.shape[0]):
            a, b, q = table[j, 0], table[j, 1], table[j, 2]
            centre = m if table[j, 4] else kind(0)
            dots[q] += _product(g[i, a:b], x[i, a:b], centre, rs[q], columns[a:b], part_w[a:b])
            if table[j, 3]:
                _add(g[i, a:b], part_b[k0 : k0 + b - a])
                k0 += b - a
        for j in range(table.shape[0]):
            a, b, q = table[j, 0], table[j, 1], table[j, 2]
            centre = m if table[j, 4] else kind(0)
            slope = kind(-dots[q] * rs[q] * rs[q] * rs[q] / divisors[j])
            _combine(g[i, a:b], columns[a:b], rs[q], x[i, a:b], centre, slope, dx[i, a:b])
        pull = _centred_mean(dx[i], table)
        for j in range(table.shape[0]):
            if table[j, 4]:
                own = dx[i, table[j, 0] : table[j, 1]]
                for c in range(own.shape[0]):
                    own[c] -= pull
        if (i + 1) % TILE == 0 or i + 1 == n:
            _flush(part_w, total_w)
            _flush(part_b, total_b)
    sums = np.zeros(dw.shape[0])
    for c in range(dim):
        sums[copies[c]] += total_w[c]
    dw[:] = sums
    db[:] = total_b

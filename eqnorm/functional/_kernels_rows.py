"""Row norms as loops, compiled by numba: statistics of a node's own features.

``table`` has a row (start, stop, group, is scalar, is centred) for every block, ``divisors`` the
divisor of its squares.
"""

from __future__ import annotations

import numpy as np

from eqnorm.functional._kernels_columns import TILE, jit


@jit
def _row_mean(row, table):  # type: ignore[no-untyped-def]
    """Mean of the even scalars of one node; 0 where they are not centred."""
    total = row.dtype.type(0)
    count = 0
    for j in range(table.shape[0]):
        if table[j, 4]:
            for c in range(table[j, 0], table[j, 1]):
                total += row[c]
            count += table[j, 1] - table[j, 0]
    return total / row.dtype.type(max(count, 1))


@jit
def forward(x, table, divisors, copies, weight, bias, eps, y, mean, var):  # type: ignore[no-untyped-def]
    """Fill y (N, D), mean (N,) and var (N, Q)."""
    n, dim = x.shape
    kind = x.dtype.type
    columns, add = np.empty(dim, x.dtype), np.zeros(dim, x.dtype)
    for c in range(dim):
        columns[c] = weight[copies[c]]
    k0 = 0
    for j in range(table.shape[0]):
        if table[j, 3]:
            for c in range(table[j, 0], table[j, 1]):
                add[c] = bias[k0]
                k0 += 1
    for i in range(n):
        row, out = x[i], y[i]
        m = _row_mean(row, table)
        mean[i] = m
        var[i, :] = kind(0)
        for j in range(table.shape[0]):
            centre = m if table[j, 4] else kind(0)
            square = kind(0)
            for c in range(table[j, 0], table[j, 1]):
                d = row[c] - centre
                square += d * d
            var[i, table[j, 2]] += kind(square / divisors[j])
        for j in range(table.shape[0]):
            r = kind(1.0 / np.sqrt(var[i, table[j, 2]] + eps[table[j, 2]]))
            if table[j, 3]:
                centre = m if table[j, 4] else kind(0)
                for c in range(table[j, 0], table[j, 1]):
                    out[c] = (row[c] - centre) * r * columns[c] + add[c]
            else:
                for c in range(table[j, 0], table[j, 1]):
                    out[c] = row[c] * r * columns[c]


@jit
def backward(  # type: ignore[no-untyped-def]
    g, x, table, divisors, copies, weight, eps, mean, var, dx, dw, db
):
    """Fill dx (N, D), dw (K,) and db (K0,) from the gradient g (N, D)."""
    n, dim = x.shape
    kind = x.dtype.type
    groups = var.shape[1]
    columns = np.empty(dim, x.dtype)
    for c in range(dim):
        columns[c] = weight[copies[c]]
    part_w, part_b = np.zeros(dim, x.dtype), np.zeros(dim, x.dtype)
    total_w, total_b = np.zeros(dim), np.zeros(dim)
    rs, steep = np.empty(groups, x.dtype), np.empty(groups)
    for i in range(n):
        row, grad, out = x[i], g[i], dx[i]
        m = mean[i]
        for q in range(groups):
            rs[q] = kind(1.0 / np.sqrt(var[i, q] + eps[q]))
        steep[:] = 0.0
        for j in range(table.shape[0]):
            q = table[j, 2]
            r = rs[q]
            centre = m if table[j, 4] else kind(0)
            dot = kind(0)
            for c in range(table[j, 0], table[j, 1]):
                product = grad[c] * (row[c] - centre)
                part_w[c] += product * r
                dot += product * columns[c]
            if table[j, 3]:
                for c in range(table[j, 0], table[j, 1]):
                    part_b[c] += grad[c]
            steep[q] += dot
        pull = kind(0)
        count = 0
        for j in range(table.shape[0]):
            r = rs[table[j, 2]]
            slope = kind(-steep[table[j, 2]] * r * r * r / divisors[j])
            centre = m if table[j, 4] else kind(0)
            for c in range(table[j, 0], table[j, 1]):
                out[c] = grad[c] * columns[c] * r + (row[c] - centre) * slope
            if table[j, 4]:
                for c in range(table[j, 0], table[j, 1]):
                    pull += out[c]
                count += table[j, 1] - table[j, 0]
        if count > 0:
            pull /= kind(count)
            for j in range(table.shape[0]):
                if table[j, 4]:
                    for c in range(table[j, 0], table[j, 1]):
                        out[c] -= pull
        if (i + 1) % TILE == 0 or i + 1 == n:
            for c in range(dim):
                total_w[c] += part_w[c]
                total_b[c] += part_b[c]
                part_w[c] = 0
                part_b[c] = 0
    k0 = 0
    sums = np.zeros(dw.shape[0])
    for c in range(dim):
        sums[copies[c]] += total_w[c]
    for k in range(dw.shape[0]):
        dw[k] = sums[k]
    for j in range(table.shape[0]):
        if table[j, 3]:
            for c in range(table[j, 0], table[j, 1]):
                db[k0] = total_b[c]
                k0 += 1

"""The backward pass of GeoNorm of irreps (see ``geo``) as loops, compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import columns, copies, vector
from eqnorm.functional._kernels.geo_inner import add, centred, inverse_radii
from eqnorm.functional._kernels.vector import inner, jit, unsigned

_products, _combine, _run_end = copies.products, copies.combine, columns.run_end
_flush, _scale = vector.flush, vector.scale
_copy_row = vector.copy_row
_shift_combine = vector.shift_combine


@inner
def _coefficients(r: Any, d: Any, rows: Any, table: Any, weight: Any, dw: Any) -> None:
    """From r and g z: dw += r g z, r = r w and d = -w r^3 g z / (2l+1), of all but scalars."""
    kind = r.dtype.type
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low, per = unsigned(table[block, 3]), kind(-1) / kind(table[block, 2])
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            for k in range(low, high):
                own = r[t, k]
                part = own * d[t, k]
                a = own * weight[k]
                dw[k] += part
                r[t, k] = a
                d[t, k] = a * own * part * per


@inner
def _sums(
    g: Any, x: Any, dx: Any, i: Any, rows: Any, centre: Any, s_g: Any, s_gz: Any, s_dz: Any
) -> None:
    """Add to the sums of g, g (x - centre) and dx: two rows at once, a third less to load."""
    end, one = i + rows, unsigned(1)
    while i + one < end:
        j = i + one
        for c in range(unsigned(x.shape[1])):
            m = centre[0, c]
            s_g[c] += g[i, c] + g[j, c]
            s_gz[c] += g[i, c] * (x[i, c] - m) + g[j, c] * (x[j, c] - m)
            s_dz[c] += dx[i, c] + dx[j, c]
        i += one + one
    if i < end:
        for c in range(unsigned(x.shape[1])):
            s_g[c] += g[i, c]
            s_gz[c] += g[i, c] * (x[i, c] - centre[0, c])
            s_dz[c] += dx[i, c]


@inner
def _levels(
    sums: Any,
    count: int,
    table: Any,
    of_column: Any,
    drift: Any,
    eps: float,
    square: Any,
    dot: Any,
    centre: Any,
    inverse: Any,
    scale: Any,
    slope: Any,
    level: Any,
    dw: Any,
    db: Any,
    dd: Any,
) -> None:
    """From the sums of g, g z and dz over the rows of a graph: what these share."""
    k0, higher = 0, 0
    for block in range(table.shape[0]):
        low, mul, dim, k = table[block, 0], table[block, 1], table[block, 2], table[block, 3]
        if table[block, 5]:
            for c in range(low, low + mul):
                r = inverse[0, c]
                dw[k] += sums[1, c] * r
                slope[0, c] = -sums[1, c] * scale[0, c] * r * r / count
                if table[block, 4] == 1:
                    db[k0] += sums[0, c]
                    level[0, c] = -scale[0, c] * sums[0, c] / count
                    k0 += 1
                k += 1
            continue
        for own in range(k, k + mul):
            square[own], dot[own] = 0.0, 0.0
        for c in range(low, low + mul * dim):
            square[of_column[c]] += centre[0, c] * centre[0, c]
            dot[of_column[c]] += centre[0, c] * sums[0, c]
        for own in range(k, k + mul):
            r = 1.0 / np.sqrt(square[own] / dim + eps)
            dd[higher] += r * dot[own]
            square[own] = drift[higher] * r
            dot[own] *= -drift[higher] * r * r * r / dim
            higher += 1
        for c in range(low, low + mul * dim):
            pull = square[of_column[c]] * sums[0, c] + dot[of_column[c]] * centre[0, c]
            level[0, c] = (pull - sums[2, c]) / count


@jit
def backward(
    g: Any,
    x: Any,
    starts: Any,
    mask: Any,
    tile: int,
    table: Any,
    ir_mul: bool,
    of_column: Any,
    eps: float,
    weight: Any,
    drift: Any,
    centres: Any,
    inverses: Any,
    dx: Any,
    dw: Any,
    db: Any,
    dd: Any,
) -> None:
    """Fill dx (N, D), and add to dw (K,), db (K0,) and dd, from the gradient g (N, D)."""
    dim, width, zero, one = x.shape[1], weight.shape[0], unsigned(0), unsigned(1)
    sums, total_w = np.zeros((3, dim)), np.zeros((4, width))
    p_g, p_gz, p_dz = np.zeros(dim, x.dtype), np.zeros(dim, x.dtype), np.zeros(dim, x.dtype)
    centre, inverse = np.zeros((1, dim), x.dtype), np.zeros((1, dim), x.dtype)
    scale, slope = np.zeros((1, dim), x.dtype), np.zeros((1, dim), x.dtype)
    level, part_w = np.zeros((1, dim), x.dtype), np.zeros(width, x.dtype)
    z = np.empty((tile, dim), x.dtype)
    r, d = np.empty((tile, width), x.dtype), np.empty((tile, width), x.dtype)
    for b in range(centres.shape[0]):
        _copy_row(centres, unsigned(b), zero, unsigned(dim), centre, zero)
        _copy_row(inverses, unsigned(b), zero, unsigned(dim), inverse, zero)
        for c in range(dim):
            scale[0, c] = inverse[0, c] * weight[of_column[c]]
            sums[0, c], sums[1, c], sums[2, c] = 0.0, 0.0, 0.0
        count, i, end = 0, unsigned(starts[b]), unsigned(starts[b + 1])
        while i < end:
            rows = min(unsigned(tile), end - i)
            centred(x, i, rows, centre, z)
            _products(g, i, z, zero, rows, table, ir_mul, r, d)
            inverse_radii(r, rows, table, eps)
            _coefficients(r, d, rows, table, weight, part_w)
            _combine(g, i, z, zero, rows, table, ir_mul, r, d, dx)
            for t in range(rows):
                for block in range(table.shape[0]):
                    if table[block, 5]:
                        low = unsigned(table[block, 0])
                        _scale(g, i + t, scale, zero, low, low + unsigned(table[block, 1]), dx)
                count += 1 if mask.shape[0] == 0 or mask[i + t] else 0
            _sums(g, x, dx, i, rows, centre, p_g, p_gz, p_dz)
            _flush(p_g, sums, zero)
            _flush(p_gz, sums, one)
            _flush(p_dz, sums, one + one)
            _flush(part_w, total_w, zero)
            i += rows
        _levels(
            sums,
            max(count, 1),
            table,
            of_column,
            drift,
            eps,
            total_w[1],
            total_w[2],
            centre,
            inverse,
            scale,
            slope,
            level,
            total_w[3],
            db,
            dd,
        )
        first = starts[b]
        while first < starts[b + 1]:
            last = _run_end(first, starts[b + 1], starts, mask, 1)
            if mask.shape[0] == 0 or mask[first]:
                i, rows = unsigned(first), unsigned(last - first)
                add(level, rows, table, dx, i)
                for block in range(table.shape[0]):
                    if table[block, 5]:
                        low = unsigned(table[block, 0])
                        high = low + unsigned(table[block, 1])
                        for t in range(rows):
                            _shift_combine(
                                g, x, i + t, centre, scale, slope, level, zero, low, high, dx
                            )
            first = last
    for k in range(width):
        dw[k] += total_w[0, k] + total_w[3, k]

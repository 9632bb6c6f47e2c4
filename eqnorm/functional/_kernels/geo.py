"""GeoNorm of irreps as loops, compiled by numba; scalars are normalised as columns are.

Graph after graph, so that what is read twice still lies in the cache: graph b has the rows
``starts[b]`` to ``starts[b + 1]``. ``table`` is that of :mod:`eqnorm.functional._kernels.copies`,
in which odd scalars too count as scalars; its kinds are 1 for even scalars, which are centred.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import columns, copies, vector
from eqnorm.functional._kernels.geo_inner import add, centred, inverse_radii, weigh
from eqnorm.functional._kernels.vector import inner, jit, unsigned

_products, _combine, _run_end = copies.products, copies.combine, columns.run_end
_tile_sums, _flush, _copy_row = columns.tile_sums, vector.flush, vector.copy_row
_shift_scale = vector.shift_scale


@inner
def _levels(
    sums: Any,
    count: int,
    table: Any,
    of_column: Any,
    weight: Any,
    bias: Any,
    drift: Any,
    eps: float,
    total: Any,
    centre: Any,
    inverse: Any,
    scale: Any,
    plus: Any,
) -> None:
    """From sums of x - pivot and its square, pivots in ``centre``: what a graph's rows share."""
    k0, higher = 0, 0
    for block in range(table.shape[0]):
        low, mul, dim, k = table[block, 0], table[block, 1], table[block, 2], table[block, 3]
        if table[block, 5]:
            for c in range(low, low + mul):
                square = sums[1, c] / count
                if table[block, 4] == 1:
                    offset = sums[0, c] / count
                    square = max(square - offset * offset, 0.0)
                    centre[0, c] += offset
                    plus[0, c] = bias[k0]
                    k0 += 1
                inverse[0, c] = 1.0 / np.sqrt(square + eps)
                scale[0, c] = weight[k] * inverse[0, c]
                k += 1
            continue
        for own in range(k, k + mul):
            total[own] = 0.0
        for c in range(low, low + mul * dim):
            centre[0, c] += sums[0, c] / count
            total[of_column[c]] += centre[0, c] * centre[0, c]
        for own in range(k, k + mul):
            total[own] = drift[higher] / np.sqrt(total[own] / dim + eps)
            higher += 1
        for c in range(low, low + mul * dim):
            plus[0, c] = total[of_column[c]] * centre[0, c]


@inner
def _start(x: Any, i: Any, table: Any, centre: Any, sums: Any) -> None:
    """Pivots from row i, of all that is centred, and sums of zero."""
    for c in range(unsigned(x.shape[1])):
        centre[0, c], sums[0, c], sums[1, c] = 0, 0, 0
    for block in range(table.shape[0]):
        if table[block, 4] == 1 or not table[block, 5]:
            low = unsigned(table[block, 0])
            _copy_row(
                x, i, low, low + unsigned(table[block, 1] * table[block, 2]), centre, unsigned(0)
            )


@jit
def forward(
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
    bias: Any,
    y: Any,
    centres: Any,
    inverses: Any,
) -> None:
    """Fill y (N, D), and centres and inverses (B, D), of scalars 1 / sqrt(v + eps)."""
    dim, width, zero = x.shape[1], weight.shape[0], unsigned(0)
    sums, p1, p2 = np.zeros((2, dim)), np.zeros(dim, x.dtype), np.zeros(dim, x.dtype)
    centre, inverse = np.zeros((1, dim), x.dtype), np.zeros((1, dim), x.dtype)
    scale, plus = np.zeros((1, dim), x.dtype), np.zeros((1, dim), x.dtype)
    z, r = np.empty((tile, dim), x.dtype), np.empty((tile, width), x.dtype)
    none, other, total = np.zeros_like(r), np.empty_like(r), np.zeros(width)
    for b in range(centres.shape[0]):
        count, first, end = 0, starts[b], starts[b + 1]
        while first < end:
            last = _run_end(first, end, starts, mask, 1)
            if mask.shape[0] == 0 or mask[first]:
                if count == 0:
                    _start(x, unsigned(first), table, centre, sums)
                count += last - first
                _tile_sums(x, first, last, centre, zero, p1, p2)
                _flush(p1, sums, zero)
                _flush(p2, sums, unsigned(1))
            first = last
        _levels(
            sums,
            max(count, 1),
            table,
            of_column,
            weight,
            bias,
            drift,
            eps,
            total,
            centre,
            inverse,
            scale,
            plus,
        )
        _copy_row(centre, zero, zero, unsigned(dim), centres, unsigned(b))
        _copy_row(inverse, zero, zero, unsigned(dim), inverses, unsigned(b))
        i = unsigned(starts[b])
        while i < unsigned(end):
            rows = min(unsigned(tile), unsigned(end) - i)
            centred(x, i, rows, centre, z)
            _products(z, zero, z, zero, rows, table, ir_mul, r, other)
            inverse_radii(r, rows, table, eps)
            weigh(r, rows, weight)
            _combine(x, i, z, zero, rows, table, ir_mul, none, r, y)
            add(plus, rows, table, y, i)
            for block in range(table.shape[0]):
                if table[block, 5]:
                    low = unsigned(table[block, 0])
                    high = low + unsigned(table[block, 1])
                    for t in range(rows):
                        _shift_scale(x, i + t, centre, scale, plus, zero, low, high, y)
            i += rows

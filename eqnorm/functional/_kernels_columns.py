"""Column norms as loops, compiled by numba: statistics over the nodes of a graph or batch.

Rows are taken in tiles: sums within a tile are in the input's own precision, those over tiles
in float64. Means are taken relative to a pivot, the first node of each graph, so that a large
mean does not drown the variance.

``table`` has a row (start, stop, is scalar) for every run of columns that is, or is not, 0e.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional import _kernels_vector as vector
from eqnorm.functional._kernels_vector import jit, unsigned

TILE = 64
_deviation, _deviation_4, _flush = vector.add_deviation, vector.add_deviation_4, vector.flush
_product, _product_2 = vector.add_product, vector.add_product_2
_scale, _shift_scale = vector.scale, vector.shift_scale
_combine, _shift_combine = vector.combine, vector.shift_combine


# Sums treat all columns alike, with a pivot or centre of 0 where none is taken: that is faster
# than the arithmetic saved by taking runs of columns apart.


@jit
def _tile_sums(x: Any, first: int, last: int, pivot: Any, b: Any, s1: Any, s2: Any) -> None:
    """Add rows first..last, of graph b, to s1 (x - pivot) and s2 (its square)."""
    i = first
    while i + 4 <= last:
        _deviation_4(x, unsigned(i), pivot, b, s1, s2)
        i += 4
    while i < last:
        _deviation(x, unsigned(i), pivot, b, s1, s2)
        i += 1


@jit
def _tile_products(
    g: Any, x: Any, first: int, last: int, centre: Any, b: Any, t1: Any, t2: Any
) -> None:
    """Add rows first..last, of graph b, to t1 (g) and t2 (g (x - m))."""
    i = first
    while i + 2 <= last:
        _product_2(g, x, unsigned(i), centre, b, t1, t2)
        i += 2
    if i < last:
        _product(g, x, unsigned(i), centre, b, t1, t2)


@jit
def run_end(first: int, batch: Any, mask: Any, num_graphs: int) -> Any:
    """One past the last row of the tile that starts at ``first``: same graph, same mask."""
    limit = min(first + TILE, batch.shape[0])
    if num_graphs == 1 and mask.shape[0] == 0:
        return limit
    last = first + 1
    while last < limit:
        if num_graphs > 1 and batch[last] != batch[first]:
            break
        if mask.shape[0] > 0 and mask[last] != mask[first]:
            break
        last += 1
    return last


@jit
def forward(
    x: Any,
    batch: Any,
    mask: Any,
    copies: Any,
    table: Any,
    counts: Any,
    weight: Any,
    bias: Any,
    shift: Any,
    divisor: Any,
    eps: float,
    y: Any,
    mean: Any,
    var: Any,
) -> None:
    """Fill y (N, D), mean (B, K0) and var (B, K); ``divisor`` (K,) is 2l+1, or 1."""
    n, dim = x.shape
    graphs, num_copies = var.shape
    s1, s2 = np.zeros((graphs, dim)), np.zeros((graphs, dim))
    p1, p2 = np.zeros(dim, x.dtype), np.zeros(dim, x.dtype)
    pivot = np.zeros((graphs, dim), x.dtype)
    started = np.zeros(graphs, np.bool_)
    first = 0
    while first < n:
        last = run_end(first, batch, mask, graphs)
        if mask.shape[0] == 0 or mask[first]:
            b = unsigned(batch[first]) if graphs > 1 else unsigned(0)
            if not started[b]:
                started[b] = True
                for j in range(table.shape[0]):
                    if table[j, 2]:
                        pivot[b, table[j, 0] : table[j, 1]] = x[first, table[j, 0] : table[j, 1]]
            _tile_sums(x, first, last, pivot, b, p1, p2)
            _flush(p1, s1, b)
            _flush(p2, s2, b)
        first = last
    scale, minus, plus = np.empty_like(pivot), np.zeros_like(pivot), np.zeros_like(pivot)
    total = np.zeros(num_copies)
    for b in range(graphs):
        count = max(counts[b], 1)
        total[:] = 0.0
        k0 = 0
        for j in range(table.shape[0]):
            for c in range(table[j, 0], table[j, 1]):
                square = s2[b, c] / count
                if table[j, 2]:
                    offset = s1[b, c] / count
                    centre = pivot[b, c] + offset
                    alpha = shift[k0] if shift.shape[0] else 1.0
                    square = max(square - offset * offset, 0.0)
                    mean[b, k0] = centre
                    minus[b, c] = alpha * centre if shift.shape[0] else centre
                    rest = centre - minus[b, c] if shift.shape[0] else 0.0
                    square += rest * rest
                    plus[b, c] = bias[k0]
                    k0 += 1
                total[copies[c]] += square
        for k in range(num_copies):
            var[b, k] = total[k] / divisor[k]
            total[k] = weight[k] / np.sqrt(total[k] / divisor[k] + eps)
        for c in range(dim):
            scale[b, c] = total[copies[c]]
    for i in range(unsigned(n)):
        b = unsigned(batch[i]) if graphs > 1 else unsigned(0)
        for j in range(table.shape[0]):
            low, high = unsigned(table[j, 0]), unsigned(table[j, 1])
            if table[j, 2]:
                _shift_scale(x, i, minus, scale, plus, b, low, high, y)
            else:
                _scale(x, i, scale, b, low, high, y)


@jit
def backward(
    g: Any,
    x: Any,
    batch: Any,
    mask: Any,
    copies: Any,
    table: Any,
    counts: Any,
    weight: Any,
    shift: Any,
    divisor: Any,
    eps: float,
    mean: Any,
    var: Any,
    dx: Any,
    dw: Any,
    db: Any,
    da: Any,
) -> None:
    """Fill dx (N, D), dw (K,), db (K0,) and da (K0,) from the gradient g (N, D)."""
    n, dim = x.shape
    graphs, num_copies = var.shape
    centre = np.zeros((graphs, dim), x.dtype)
    for b in range(graphs):
        k0 = 0
        for j in range(table.shape[0]):
            if table[j, 2]:
                for c in range(table[j, 0], table[j, 1]):
                    centre[b, c] = mean[b, k0]
                    k0 += 1
    t1, t2 = np.zeros((graphs, dim)), np.zeros((graphs, dim))
    p1, p2 = np.zeros(dim, x.dtype), np.zeros(dim, x.dtype)
    first = 0
    while first < n:
        last = run_end(first, batch, mask, graphs)
        b = unsigned(batch[first]) if graphs > 1 else unsigned(0)
        _tile_products(g, x, first, last, centre, b, p1, p2)
        _flush(p1, t1, b)
        _flush(p2, t2, b)
        first = last
    scale, slope, level = np.empty_like(centre), np.empty_like(centre), np.zeros_like(centre)
    total, steep = np.zeros(num_copies), np.zeros(num_copies)
    for b in range(graphs):
        count = max(counts[b], 1)
        total[:] = 0.0
        k0 = 0
        for j in range(table.shape[0]):
            for c in range(table[j, 0], table[j, 1]):
                grad_scale = t2[b, c]
                if table[j, 2]:
                    if shift.shape[0]:
                        grad_scale += (1.0 - shift[k0]) * centre[b, c] * t1[b, c]
                    db[k0] += t1[b, c]
                    k0 += 1
                total[copies[c]] += grad_scale
        for k in range(num_copies):
            r = 1.0 / np.sqrt(var[b, k] + eps)
            dw[k] += total[k] * r
            steep[k] = -total[k] * weight[k] * r * r * r / (divisor[k] * count)
            total[k] = r * weight[k]
        k0 = 0
        for j in range(table.shape[0]):
            for c in range(table[j, 0], table[j, 1]):
                k = copies[c]
                scale[b, c], slope[b, c] = total[k], steep[k]
                if table[j, 2]:
                    alpha = shift[k0] if shift.shape[0] else 1.0
                    m, pull = centre[b, c], total[k] * t1[b, c]
                    rest = (1.0 - alpha) * m * steep[k]
                    level[b, c] = (1.0 - alpha) * rest - alpha * pull / count
                    if shift.shape[0]:
                        da[k0] -= m * (pull + rest * count)
                    k0 += 1
    for i in range(unsigned(n)):
        b = unsigned(batch[i]) if graphs > 1 else unsigned(0)
        if mask.shape[0] > 0 and not mask[i]:
            _scale(g, i, scale, b, unsigned(0), unsigned(dim), dx)
            continue
        for j in range(table.shape[0]):
            low, high = unsigned(table[j, 0]), unsigned(table[j, 1])
            if table[j, 2]:
                _shift_combine(g, x, i, centre, scale, slope, level, b, low, high, dx)
            else:
                _combine(g, x, i, scale, slope, b, low, high, dx)

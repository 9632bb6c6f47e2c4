"""Column norms as loops, compiled by numba: statistics over the nodes of a graph or batch.

Rows are taken in tiles: sums within a tile are in the input's own precision, those over tiles
in float64. Means are taken relative to a pivot, the first node of each graph, so that a large
mean does not drown the variance.

``table`` has a row (start, stop, is scalar) for every run of columns that is, or is not, 0e.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import vector
from eqnorm.functional._kernels.vector import inner, jit, unsigned

TILE = 64
_deviation, _deviation_4, _flush = vector.add_deviation, vector.add_deviation_4, vector.flush
_scale, _shift_scale, _copy_row = vector.scale, vector.shift_scale, vector.copy_row


# Sums treat all columns alike, with a pivot or centre of 0 where none is taken: that is faster
# than the arithmetic saved by taking runs of columns apart.


@inner
def tile_sums(x: Any, first: int, last: int, pivot: Any, b: Any, s1: Any, s2: Any) -> None:
    """Add rows first..last, of graph b, to s1 (x - pivot) and s2 (its square)."""
    i = first
    while i + 4 <= last:
        _deviation_4(x, unsigned(i), pivot, b, s1, s2)
        i += 4
    while i < last:
        _deviation(x, unsigned(i), pivot, b, s1, s2)
        i += 1


@inner
def run_end(first: int, n: int, batch: Any, mask: Any, num_graphs: int) -> Any:
    """One past the last row of the tile that starts at ``first``: same graph, same mask.

    ``batch`` is not read where there is one graph, nor ``mask`` where it is empty.
    """
    limit = min(first + TILE, n)
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
        last = run_end(first, n, batch, mask, graphs)
        if mask.shape[0] == 0 or mask[first]:
            b = unsigned(batch[first]) if graphs > 1 else unsigned(0)
            if not started[b]:
                started[b] = True
                for j in range(table.shape[0]):
                    if table[j, 2]:
                        low, high = unsigned(table[j, 0]), unsigned(table[j, 1])
                        _copy_row(x, unsigned(first), low, high, pivot, b)
            tile_sums(x, first, last, pivot, b, p1, p2)
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

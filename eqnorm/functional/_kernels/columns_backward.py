"""The backward pass of column norms (see ``columns``) as loops, compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import vector
from eqnorm.functional._kernels.columns import run_end
from eqnorm.functional._kernels.vector import inner, jit, unsigned

_product, _product_2, _flush = vector.add_product, vector.add_product_2, vector.flush
_scale, _combine, _shift_combine = vector.scale, vector.combine, vector.shift_combine


@inner
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
        last = run_end(first, n, batch, mask, graphs)
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

"""Inner loops of GeoNorm of irreps (see ``geo``), and which rows belong to which graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.vector import inner, jit, unsigned


@jit
def find_starts(batch: Any, starts: Any) -> bool:
    """Fill in where each graph starts (B + 1); False where its rows are not neighbours."""
    graph = 0
    starts[0] = 0
    for i in range(batch.shape[0]):
        if batch[i] < graph:
            return False
        while graph < batch[i]:
            graph += 1
            starts[graph] = i
    for b in range(graph + 1, starts.shape[0]):
        starts[b] = batch.shape[0]
    return True


@inner
def centred(x: Any, i: Any, rows: Any, centre: Any, z: Any) -> None:
    """Z = x - centre."""
    for t in range(rows):
        for c in range(unsigned(z.shape[1])):
            z[t, c] = x[i + t, c] - centre[0, c]


@inner
def inverse_radii(square: Any, rows: Any, table: Any, eps: float) -> None:
    """Square = 1 / sqrt(square/(2l+1) + eps), of all but scalars."""
    kind = square.dtype.type
    plus, one = kind(eps), kind(1)
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low, per = unsigned(table[block, 3]), one / kind(table[block, 2])
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            for k in range(low, high):
                square[t, k] = one / np.sqrt(square[t, k] * per + plus)


@inner
def weigh(r: Any, rows: Any, weight: Any) -> None:
    """R = r w."""
    for t in range(rows):
        for k in range(unsigned(r.shape[1])):
            r[t, k] *= weight[k]


@inner
def add(plus: Any, rows: Any, table: Any, y: Any, i: Any) -> None:
    """Y += plus, but for scalars."""
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low = unsigned(table[block, 0])
        high = low + unsigned(table[block, 1] * table[block, 2])
        for t in range(rows):
            for c in range(low, high):
                y[i + t, c] += plus[0, c]

"""Values of copies, of which length-based norms take statistics: lengths, and even scalars."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.vector import inner, unsigned


@inner
def take(x: Any, i: Any, rows: Any, table: Any, v: Any) -> None:
    """V = x, for even scalars."""
    for block in range(table.shape[0]):
        if table[block, 5]:
            low, mul, k0 = (
                unsigned(table[block, 0]),
                unsigned(table[block, 1]),
                unsigned(table[block, 3]),
            )
            for t in range(rows):
                for k in range(mul):
                    v[t, k0 + k] = x[i + t, low + k]


@inner
def put(v: Any, rows: Any, table: Any, x: Any, i: Any) -> None:
    """X = v, for even scalars."""
    for block in range(table.shape[0]):
        if table[block, 5]:
            low, mul, k0 = (
                unsigned(table[block, 0]),
                unsigned(table[block, 1]),
                unsigned(table[block, 3]),
            )
            for t in range(rows):
                for k in range(mul):
                    x[i + t, low + k] = v[t, k0 + k]


@inner
def lengths(v: Any, rows: Any, table: Any, eps: Any, outside: Any) -> None:
    """V = sqrt(v + eps^2) + outside, for all but even scalars."""
    kind = v.dtype.type
    plus, more = kind(eps * eps), kind(outside)
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low = unsigned(table[block, 3])
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            for k in range(low, high):
                v[t, k] = np.sqrt(v[t, k] + plus) + more


@inner
def directions(z: Any, dv: Any, v: Any, rows: Any, table: Any, outside: Any) -> None:
    """Z = (z + dv) / |x|: what x is multiplied by, from the gradient of v."""
    more = v.dtype.type(outside)
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low = unsigned(table[block, 3])
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            for k in range(low, high):
                z[t, k] = (z[t, k] + dv[t, k]) / (v[t, k] - more)

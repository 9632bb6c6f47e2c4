"""Inner loops over the copies of one irrep, one component after the other (``ir_mul``, scalars).

See :mod:`eqnorm.functional._kernels.copies`.
"""

from __future__ import annotations

from typing import Any

from eqnorm.functional._kernels.vector import inner, unsigned


@inner
def products(
    g: Any, j: Any, x: Any, i: Any, rows: Any, table: Any, block: int, square: Any, dot: Any
) -> None:
    low, mul, k0 = unsigned(table[block, 0]), unsigned(table[block, 1]), unsigned(table[block, 3])
    dim = unsigned(table[block, 2])
    for t in range(rows):
        for k in range(mul):
            square[t, k0 + k] = x[i + t, low + k] * x[i + t, low + k]
            dot[t, k0 + k] = x[i + t, low + k] * g[j + t, low + k]
        for m in range(unsigned(1), dim):
            c = low + mul * m
            for k in range(mul):
                square[t, k0 + k] += x[i + t, c + k] * x[i + t, c + k]
                dot[t, k0 + k] += x[i + t, c + k] * g[j + t, c + k]


@inner
def combine(
    g: Any, j: Any, x: Any, i: Any, rows: Any, table: Any, block: int, a: Any, b: Any, out: Any
) -> None:
    low, mul, k0 = unsigned(table[block, 0]), unsigned(table[block, 1]), unsigned(table[block, 3])
    for t in range(rows):
        for m in range(unsigned(table[block, 2])):
            c = low + mul * m
            for k in range(mul):
                out[j + t, c + k] = g[j + t, c + k] * a[t, k0 + k] + x[i + t, c + k] * b[t, k0 + k]

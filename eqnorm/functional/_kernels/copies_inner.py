"""Inner loops over the copies of one irrep whose components are neighbours (``mul_ir``).

Where the number of components is a constant, the compiler works on many copies at once: it is one
for 3 and 5, in loops made by :func:`loops_for`; see :mod:`eqnorm.functional._kernels.copies`.
"""

from __future__ import annotations

from typing import Any

from eqnorm.functional._kernels.vector import inner, unsigned


def loops_for(components: int) -> tuple[Any, Any]:
    """Loops for that many components; for the number in the table with 0."""

    @inner
    def products(
        g: Any, j: Any, x: Any, i: Any, rows: Any, table: Any, block: int, square: Any, dot: Any
    ) -> None:
        low, mul, k0 = (
            unsigned(table[block, 0]),
            unsigned(table[block, 1]),
            unsigned(table[block, 3]),
        )
        dim = unsigned(components) if components else unsigned(table[block, 2])
        for t in range(rows):
            for k in range(mul):
                c = low + dim * k
                total, both = x.dtype.type(0), x.dtype.type(0)
                for m in range(dim):
                    total += x[i + t, c + m] * x[i + t, c + m]
                    both += x[i + t, c + m] * g[j + t, c + m]
                square[t, k0 + k] = total
                dot[t, k0 + k] = both

    @inner
    def combine(
        g: Any, j: Any, x: Any, i: Any, rows: Any, table: Any, block: int, a: Any, b: Any, out: Any
    ) -> None:
        low, mul, k0 = (
            unsigned(table[block, 0]),
            unsigned(table[block, 1]),
            unsigned(table[block, 3]),
        )
        dim = unsigned(components) if components else unsigned(table[block, 2])
        for t in range(rows):
            for k in range(mul):
                c = low + dim * k
                p, q = a[t, k0 + k], b[t, k0 + k]
                for m in range(dim):
                    out[j + t, c + m] = g[j + t, c + m] * p + x[i + t, c + m] * q

    return products, combine

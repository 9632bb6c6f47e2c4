"""Lengths and products of the copies of irreps, and copies times one number each, by tiles.

A tile is some rows; ``table`` has a row (start, copies, components, first copy, kind, is even
scalar) for every block of columns. What there is one of for each copy lies in arrays of a tile's
own, (rows, K); tensors are read from row i or j on. Even scalars are left out: they have a sign.
"""

from __future__ import annotations

from typing import Any

from eqnorm.functional._kernels import copies_outer as outer
from eqnorm.functional._kernels.copies_inner import loops_for
from eqnorm.functional._kernels.vector import inlined

# Elements of a tile: some such arrays fit in the second-level cache.
TILE = 4096

_products, _combine = outer.products, outer.combine
_products_3, _combine_3 = loops_for(3)
_products_5, _combine_5 = loops_for(5)
_products_n, _combine_n = loops_for(0)


@inlined
def products(
    g: Any, j: Any, x: Any, i: Any, rows: Any, table: Any, ir_mul: bool, square: Any, dot: Any
) -> None:
    r"""Fill square with \\|x\\|^2 and dot with the scalar product of g and x."""
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        if ir_mul or table[block, 2] == 1:
            _products(g, j, x, i, rows, table, block, square, dot)
        elif table[block, 2] == 3:
            _products_3(g, j, x, i, rows, table, block, square, dot)
        elif table[block, 2] == 5:
            _products_5(g, j, x, i, rows, table, block, square, dot)
        else:
            _products_n(g, j, x, i, rows, table, block, square, dot)


@inlined
def combine(
    g: Any, j: Any, x: Any, i: Any, rows: Any, table: Any, ir_mul: bool, a: Any, b: Any, out: Any
) -> None:
    """Out = g a + x b, out in the rows of g."""
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        if ir_mul or table[block, 2] == 1:
            _combine(g, j, x, i, rows, table, block, a, b, out)
        elif table[block, 2] == 3:
            _combine_3(g, j, x, i, rows, table, block, a, b, out)
        elif table[block, 2] == 5:
            _combine_5(g, j, x, i, rows, table, block, a, b, out)
        else:
            _combine_n(g, j, x, i, rows, table, block, a, b, out)

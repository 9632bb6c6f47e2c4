"""The loops of row norms as C functions of float32, for kernels that call them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from eqnorm.functional._kernels import c_functions, rows
from eqnorm.functional._kernels.points_memory import integers, matrix, vector
from eqnorm.functional._kernels.vector import inner, jit

_carray = importlib.import_module("numba").carray
_forward, _backward = rows.forward, rows.backward
# What a table holds: sizes; addresses of choices, of what is kept, of parameters, of gradients.
NODES, DIM, BLOCKS, GROUPS, COPIES, SCALARS = range(6)
TABLE, DIVISORS, EPS, COPY_OF_COLUMN, KEPT, WEIGHT, BIAS, OF_WEIGHT, OF_BIAS = range(6, 15)
SIZE = 15
_BLOCK = 5  # numbers that say what a block is


@inner
def _choices(t: Any) -> Any:
    """Blocks, divisors, copy of each column, eps."""
    blocks, real = t[BLOCKS], np.empty(0)
    return (
        matrix(t[TABLE], blocks, _BLOCK, np.empty(0, np.int64)),
        vector(t[DIVISORS], blocks, real),
        integers(t[COPY_OF_COLUMN], t[DIM]),
        vector(t[EPS], t[GROUPS], real),
    )


@inner
def _kept(t: Any, like: Any) -> Any:
    """Means and variances."""
    n = t[NODES]
    return (
        vector(t[KEPT], n, like),
        matrix(t[KEPT] + n * like.itemsize, n, t[GROUPS], like),
    )


@jit
def forward(table: Any, how: Any, limits: Any, eps: float, x: int, h: int, y: int) -> None:
    """See :func:`eqnorm.functional._kernels.rows.forward`; how, limits, eps and h are not read."""
    t, like = _carray(table, (SIZE,)), np.empty(0, np.float32)
    blocks, divisors, copies, each = _choices(t)
    n, dim = t[NODES], t[DIM]
    mean, var = _kept(t, like)
    weight, bias = vector(t[WEIGHT], t[COPIES], like), vector(t[BIAS], t[SCALARS], like)
    given, out = matrix(x, n, dim, like), matrix(y, n, dim, like)
    _forward(given, blocks, divisors, copies, weight, bias, each, out, mean, var)


@jit
def backward(
    table: Any,
    how: Any,
    limits: Any,
    x: int,
    h: int,
    g: int,
    of_x: int,
    of_x0: int,
    of_v: int,
    of_h: int,
) -> None:
    """See :func:`eqnorm.functional._kernels.rows.backward`; what it has not is not read."""
    t, like = _carray(table, (SIZE,)), np.empty(0, np.float32)
    blocks, divisors, copies, each = _choices(t)
    n, dim = t[NODES], t[DIM]
    mean, var = _kept(t, like)
    weight = vector(t[WEIGHT], t[COPIES], like)
    given, of_y, found = (
        matrix(x, n, dim, like),
        matrix(g, n, dim, like),
        matrix(of_x, n, dim, like),
    )
    of_weight = vector(t[OF_WEIGHT], t[COPIES], like)
    of_bias = vector(t[OF_BIAS], t[SCALARS], like)
    _backward(
        *(of_y, given, blocks, divisors, copies, weight, each, mean, var),
        *(found, of_weight, of_bias),
    )


def addresses() -> tuple[int, int]:
    """Of both."""
    return c_functions.addresses(forward, backward)

"""The loops of norms of points as C functions of float32, for kernels that call them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from eqnorm.functional._kernels import c_functions, points_entry
from eqnorm.functional._kernels.points_lengths import jit
from eqnorm.functional._points import recipe as r

_carray = importlib.import_module("numba").carray
_forward, _backward = points_entry.forward, points_entry.backward
_TABLE, _HOW, _LIMITS = r.OF_MORE + 1, r.IN_GAIN + 1, r.TINY + 1


@jit
def forward(table: Any, how: Any, limits: Any, eps: float, x: int, h: int, y: int) -> None:
    """See :func:`eqnorm.functional._kernels.points_entry.forward`; three addresses come late."""
    t = _carray(table, (_TABLE,))
    t[r.X], t[r.H], t[r.Y] = x, h, y
    like = np.empty(0, np.float32)
    _forward(t, _carray(how, (_HOW,)), _carray(limits, (_LIMITS,)), eps, like)


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
    """See :func:`eqnorm.functional._kernels.points_entry.backward`; 0 for what is not wanted."""
    t = _carray(table, (_TABLE,))
    t[r.X], t[r.H], t[r.Y] = x, h, g
    t[r.OF_X], t[r.OF_X0], t[r.OF_V], t[r.OF_H] = of_x, of_x0, of_v, of_h
    like = np.empty(0, np.float32)
    _backward(t, _carray(how, (_HOW,)), _carray(limits, (_LIMITS,)), like)


def addresses() -> tuple[int, int]:
    """Of both."""
    return c_functions.addresses(forward, backward)

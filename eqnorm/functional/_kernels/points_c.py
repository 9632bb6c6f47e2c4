"""The loops of norms of points as C functions of float32, for kernels that call them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from eqnorm.functional._kernels import points_entry
from eqnorm.functional._kernels.points_lengths import jit
from eqnorm.functional._points import recipe as r

_numba = importlib.import_module("numba")
_types, _carray = _numba.types, _numba.carray
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
    """Of both; the arguments are three pointers, then eps of the first, then pointers."""
    integers, numbers = _types.CPointer(_types.int64), _types.CPointer(_types.float64)
    shared = (integers, integers, numbers)
    return (
        _address(forward, *shared, _types.float64, *[_types.int64] * 3),
        _address(backward, *shared, *[_types.int64] * 7),
    )


def _address(function: Any, *arguments: Any) -> int:
    made = function.get_compile_result(_types.void(*arguments))
    found: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return found

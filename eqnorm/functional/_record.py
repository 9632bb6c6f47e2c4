"""What C is told of a norm whose loops it calls."""

from __future__ import annotations

import ctypes


class Record(ctypes.Structure):
    """The same fields in the same order as ``eq_norm`` in C; one of zeros stands for no norm.

    Two functions, what they are handed, and which gradients of x0, v and h there are. The first
    takes table, how, limits, eps, x, h and y, the second table, how, limits, x, h, the gradient of
    y, and those to be filled of x, x0, v and h, 0 for what is not wanted.
    """

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("forward", "backward", "table", "how", "limits")),
        ("eps", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("of_x0", "of_v", "of_h")),
    )

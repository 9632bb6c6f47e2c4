"""What C is told of a norm on points; imported only where numba is installed."""

from __future__ import annotations

import ctypes
import functools

from torch import Tensor

from eqnorm.functional._kernels import points_c
from eqnorm.functional._points.call import Given, How
from eqnorm.functional._points.launch import table
from eqnorm.functional._points.recipe import OF_MORE
from eqnorm.functional._record import Record

_Table = ctypes.c_int64 * (OF_MORE + 1)
_addresses = functools.cache(points_c.addresses)


def record(
    nodes: int,
    inputs: Given,
    how: How,
    kept: int,
    gradients: list[Tensor | None],
    wants: tuple[bool, bool, bool],
) -> tuple[Record, object]:
    """The record, and what must live as long as it is used.

    Args:
        nodes: N.
        inputs: as :func:`eqnorm.functional._points.launch.table` takes them, like the next two.
        how: see there.
        kept: see there.
        gradients: of the inputs, [] before there are any.
        wants: whether gradients of x0, v and h are wanted.
    """
    numbers = _Table(*table(nodes, inputs, how, kept, None, *gradients))
    found = (*_addresses(), ctypes.addressof(numbers), *how.formula.addresses, how.eps, *wants)
    return Record(*found), numbers

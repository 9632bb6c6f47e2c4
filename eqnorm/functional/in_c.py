"""Norms on points for kernels that call them between loops of their own, as C functions.

A kernel that came back to Python for each norm would find caches filled with other things: around
four layers of an EGNN this takes several times as long as the norms themselves.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from eqnorm.functional._points.call import POINTS, How, written_down
from eqnorm.graph import Graph


class Between(NamedTuple):
    """A norm that is applied to points or displacements which are not known yet.

    Attributes:
        how: which norm it is.
        x0: whether it reads initial points.
        v: whether it reads velocities.
        h: whether it reads features.
    """

    how: How
    x0: bool
    v: bool
    h: bool

    def plain(
        self,
        x: Tensor,
        x0: Tensor,
        v: Tensor | None,
        h: Tensor,
        parameters: Sequence[Tensor | None],
    ) -> Tensor:
        """The same by torch operations; parameters as :func:`between` gives them."""
        return self.how.plain(*self._inputs(x, x0, v, h, parameters))

    def _inputs(
        self,
        x: Tensor | None,
        x0: Tensor | None,
        v: Tensor | None,
        h: Tensor | None,
        parameters: Sequence[Tensor | None],
    ) -> list[Tensor | None]:
        given = (x, x0 if self.x0 else None, v if self.v else None)
        split = POINTS - 3
        return [*given, *parameters[:split], h if self.h else None, *parameters[split:]]

    def kept(self, nodes: int, parameters: Sequence[Tensor | None]) -> int:
        """How many float64 numbers of memory go from the forward pass to the gradient."""
        inputs = self._inputs(None, None, None, None, parameters)
        size: int = _launch().kept_size(nodes, inputs, self.how)
        return size

    def record(
        self,
        x0: Tensor,
        v: Tensor | None,
        parameters: Sequence[Tensor | None],
        kept: int,
        gradients: Sequence[Tensor | None] = (),
        wants: tuple[bool, bool] = (False, False),
    ) -> tuple[Record, Any]:
        """What C is given, and what must live as long as that is used.

        Args:
            x0: initial points, shape (N, 3), float32 and contiguous, like the next ones.
            v: velocities, shape (N, 3).
            parameters: as :func:`between` gives them.
            kept: address of :meth:`kept` numbers.
            gradients: of the parameters, to be filled by the backward pass.
            wants: whether gradients of x0 and of v are wanted.
        """
        found: list[Tensor | None] = []
        if gradients:
            found = self._inputs(None, None, None, None, gradients)
        inputs = self._inputs(None, x0, v, None, parameters)
        rows = _launch().table(x0.shape[0], inputs, self.how, kept, None, *found)
        numbers = (ctypes.c_int64 * _launch().TABLE)(*rows)
        record = Record(
            *(*_addresses(), ctypes.addressof(numbers), *self.how.formula.addresses),
            *(self.how.eps, self.x0 and wants[0], self.v and wants[1], self.h),
        )
        return record, numbers


class Record(ctypes.Structure):
    """The same fields in the same order as ``eq_norm`` in C."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("forward", "backward", "table", "how", "limits")),
        ("eps", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("of_x0", "of_v", "of_h")),
    )


def between(
    norm: Callable[..., Tensor], x: Tensor, graph: Graph, x0: Tensor, v: Tensor | None, h: Tensor
) -> tuple[Between | None, tuple[Tensor | None, ...]] | None:
    """A norm and its parameters, None and () for one that does nothing; None if it must be called.

    It is called once, and must use nothing of the tensors but their shapes, so that only norms of
    this package can be asked. Its own checks of them run.

    Args:
        norm: one of this package, on points or displacements.
        x: a tensor like what it will be applied to, shape (N, 3), float32, like the next ones.
        graph: the graph.
        x0: initial points, shape (N, 3).
        v: velocities, shape (N, 3), or None.
        h: a tensor like the features that it will be given, shape (N, C).
    """
    # Others, a subclass among them, may do more than is seen here.
    if not type(norm).__module__.startswith("eqnorm.norms."):
        return None
    with written_down() as calls:
        out = norm(x, graph, x0=x0, v=v, h=h)
    if out is not x or len(calls) > 1:
        return None
    if not calls:
        return None, ()
    inputs, how = calls[0]
    at_start, moving, features = inputs[1], inputs[2], inputs[POINTS]
    read = at_start is not None, moving is not None, features is not None
    if inputs[0] is not x or (read[0] and at_start is not x0):
        return None
    if (read[1] and moving is not v) or (read[2] and features is not h):
        return None
    return Between(how, *read), (*inputs[3:POINTS], *inputs[POINTS + 1 :])


@functools.cache
def _launch() -> Any:
    # numba takes half a second to import: not before the first norm that it serves.
    return importlib.import_module("eqnorm.functional._points.launch")


@functools.cache
def _addresses() -> tuple[int, int]:
    module = importlib.import_module("eqnorm.functional._kernels.points_c")
    found: tuple[int, int] = module.addresses()
    return found

"""Norms on points that run between other things than operations of torch.

In one function of autograd with what stands before and after them, or called from C. There, coming
back to Python for each would take longer than the norms: it finds caches filled with other things.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from eqnorm.functional._points.call import POINTS, How, written_down
from eqnorm.graph import Graph

Parameters = Sequence[Tensor | None]


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
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> Tensor:
        """The norm by torch operations; parameters as :func:`between` gives them."""
        return self.how.plain(*self._inputs(x, x0, v, h, parameters))

    def forward(
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> tuple[Tensor, Tensor]:
        """The norm by its loop, without derivatives; and what :meth:`backward` needs."""
        inputs = _dense(self._inputs(x, x0, v, h, parameters))
        found: tuple[Tensor, Tensor] = _module("launch").forward(inputs, self.how)
        return found

    def backward(
        self,
        g: Tensor,
        x: Tensor,
        x0: Tensor,
        v: Tensor | None,
        h: Tensor,
        parameters: Parameters,
        kept: Tensor,
        wants: tuple[bool, bool],
    ) -> tuple[Tensor | None, ...]:
        """Gradients of x, x0, v, h and the parameters; None for what is not there or wanted.

        Args:
            g: that of the output.
            x: as in :meth:`forward`, like the next ones.
            x0: see there.
            v: see there.
            h: see there.
            parameters: see there.
            kept: what that has returned.
            wants: whether the gradients of x0 and v are.
        """
        inputs = _dense(self._inputs(x, x0, v, h, parameters))
        wanted = (True, *wants, *(True,) * (len(inputs) - 3))
        found = _module("launch").backward(g, inputs, kept, wanted, self.how)
        end = POINTS
        return (*found[:3], found[end], *found[3:end], *found[end + 1 :])

    def kept(self, nodes: int, parameters: Parameters) -> int:
        """How many float64 numbers C keeps from the forward pass for the gradient."""
        inputs = self._inputs(None, None, None, None, parameters)
        size: int = _module("launch").kept_size(nodes, inputs, self.how)
        return size

    def record(
        self,
        x0: Tensor,
        v: Tensor | None,
        parameters: Parameters,
        kept: int,
        gradients: Parameters = (),
        wants: tuple[bool, bool] = (False, False),
    ) -> tuple[Any, object]:
        """What C is told, and what must live as long as that is used.

        Args:
            x0: initial points, shape (N, 3), float32 and contiguous, like the next ones.
            v: velocities, shape (N, 3).
            parameters: as :func:`between` gives them.
            kept: address of :meth:`kept` numbers.
            gradients: of the parameters, to be filled by the backward pass.
            wants: whether gradients of x0 and of v are wanted.
        """
        found = self._inputs(None, None, None, None, gradients) if gradients else []
        inputs = self._inputs(None, x0, v, None, parameters)
        wanted = (self.x0 and wants[0], self.v and wants[1], self.h)
        made: tuple[Any, object] = _module("record").record(
            x0.shape[0], inputs, self.how, kept, found, wanted
        )
        return made

    def _inputs(
        self,
        x: Tensor | None,
        x0: Tensor | None,
        v: Tensor | None,
        h: Tensor | None,
        parameters: Parameters,
    ) -> list[Tensor | None]:
        given = (x, x0 if self.x0 else None, v if self.v else None)
        split = POINTS - 3
        return [*given, *parameters[:split], h if self.h else None, *parameters[split:]]


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


def no_record() -> Any:
    """What C is told where there is no norm."""
    return _module("record").Record()


def _dense(inputs: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if t is None else t.contiguous() for t in inputs]


@functools.cache
def _module(name: str) -> Any:
    # numba takes half a second to import: not before the first norm that it serves.
    return importlib.import_module(f"eqnorm.functional._points.{name}")

"""A norm on points that is applied later, elsewhere than between operations of torch."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from eqnorm.functional._points.call import POINTS, Call, How, dense

Parameters = Sequence[Tensor | None]


class PointsBetween(NamedTuple):
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
        """The norm by torch operations; parameters in their order in a call."""
        return self.how.plain(*self._inputs(x, x0, v, h, parameters))

    def forward(
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The norm by its loop, without derivatives; and what :meth:`backward` needs."""
        inputs = dense(self._inputs(x, x0, v, h, parameters))
        y, kept = _launch().forward(inputs, self.how)
        return y, (kept,)

    def backward(
        self,
        g: Tensor,
        x: Tensor,
        x0: Tensor,
        v: Tensor | None,
        h: Tensor,
        parameters: Parameters,
        kept: Sequence[Tensor],
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
        inputs = dense(self._inputs(x, x0, v, h, parameters))
        wanted = (True, *wants, *(True,) * (len(inputs) - 3))
        found = _launch().backward(g, inputs, kept[0], wanted, self.how)
        end = POINTS
        return (*found[:3], found[end], *found[3:end], *found[end + 1 :])

    def kept(self, nodes: int, parameters: Parameters) -> int:
        """How many float64 numbers C keeps from the forward pass for the gradient."""
        inputs = self._inputs(None, None, None, None, parameters)
        size: int = _launch().kept_size(nodes, inputs, self.how)
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
            parameters: in their order in a call.
            kept: address of :meth:`kept` numbers.
            gradients: of the parameters, to be filled by the backward pass.
            wants: whether gradients of x0 and of v are wanted.
        """
        found = self._inputs(None, None, None, None, gradients) if gradients else []
        inputs = self._inputs(None, x0, v, None, parameters)
        wanted = (self.x0 and wants[0], self.v and wants[1], self.h)
        made: tuple[Any, object] = _record().record(
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


def written(
    call: Call, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor
) -> tuple[PointsBetween, tuple[Tensor | None, ...]] | None:
    """What was written down, and its parameters; None where it is not of x, x0, v and h."""
    inputs, how = call
    at_start, moving, features = inputs[1], inputs[2], inputs[POINTS]
    read = at_start is not None, moving is not None, features is not None
    if inputs[0] is not x or (read[0] and at_start is not x0):
        return None
    if (read[1] and moving is not v) or (read[2] and features is not h):
        return None
    return PointsBetween(how, *read), (*inputs[3:POINTS], *inputs[POINTS + 1 :])


# numba takes half a second to import: not before the first norm that it serves.
@functools.cache
def _launch() -> Any:
    return importlib.import_module("eqnorm.functional._points.launch")


@functools.cache
def _record() -> Any:
    return importlib.import_module("eqnorm.functional._points.record")

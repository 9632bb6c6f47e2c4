"""Norms that run elsewhere than between operations of torch.

In one function of autograd with what stands before and after them, or called from C. There, coming
back to Python for each would take longer than the norms: it finds caches filled with other things.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from eqnorm.functional._irreps.between import written as written_rows
from eqnorm.functional._irreps.rows import RowCall
from eqnorm.functional._points.between import written as written_points
from eqnorm.functional._record import Record
from eqnorm.functional._written import NotServedError, written_down
from eqnorm.graph import Graph

__all__ = ["PARAMETERS", "Between", "Record", "between"]

PARAMETERS = 9  # of every norm, None for what it has not
Parameters = Sequence[Tensor | None]


class Between(Protocol):
    """A norm that is applied to what is not known yet; inputs as in the call of a norm."""

    @property
    def x0(self) -> bool:
        """Whether it reads initial points."""

    @property
    def v(self) -> bool:
        """Whether it reads velocities."""

    @property
    def h(self) -> bool:
        """Whether it reads features."""

    def plain(
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> Tensor:
        """The norm by torch operations; parameters as :func:`between` gives them."""

    def forward(
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The norm by its loop, without derivatives; and what :meth:`backward` needs."""

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

    def kept(self, nodes: int, parameters: Parameters) -> int:
        """How many float64 numbers C keeps from the forward pass for the gradient."""

    def record(
        self,
        x0: Tensor,
        v: Tensor | None,
        parameters: Parameters,
        kept: int,
        gradients: Parameters = (),
        wants: tuple[bool, bool] = (False, False),
    ) -> tuple[Record, object]:
        """What C is told, and what must live as long as that is used.

        Args:
            x0: initial points, shape (N, 3), float32 and contiguous, like the next ones.
            v: velocities, shape (N, 3).
            parameters: as :func:`between` gives them.
            kept: address of :meth:`kept` numbers.
            gradients: of the parameters, to be filled by the backward pass.
            wants: whether gradients of x0 and of v are wanted.
        """


def _own(module: nn.Module) -> bool:
    """Whether it is as this package has made it: what others change may do more than is seen."""
    kind = type(module)
    own = kind is nn.LayerNorm or kind.__module__.startswith("eqnorm.")
    return own and "normalize" not in module.__dict__


def between(
    norm: nn.Module, x: Tensor, graph: Graph, x0: Tensor, v: Tensor | None, h: Tensor
) -> tuple[Between | None, tuple[Tensor | None, ...]] | None:
    """A norm and its parameters, None and () for one that does nothing; None if it must be called.

    It is called once, and must use nothing of the tensors but their shapes, so that only norms of
    this package can be asked. Its own checks of them run.

    Args:
        norm: one of this package.
        x: a tensor like what it will be applied to, shape (N, D), float32, like the next ones.
        graph: the graph.
        x0: initial points, shape (N, 3).
        v: velocities, shape (N, 3), or None.
        h: a tensor like the features that it will be given, shape (N, C).
    """
    if not all(map(_own, norm.modules())) or not getattr(norm, "looped", False):
        return None
    try:
        with written_down() as calls:
            out = norm(x, graph, x0=x0, v=v, h=h)
    except NotServedError:
        return None
    if out is not x or len(calls) > 1:
        return None
    if not calls:
        return None, ()
    (call,) = calls
    if isinstance(call, RowCall):
        return written_rows(call, x)
    return written_points(call, x, x0, v, h)

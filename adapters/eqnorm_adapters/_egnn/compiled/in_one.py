"""Layers of an EGNN in one compiled call in each direction, as one node of autograd's graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.compiled.settings import Settings
from eqnorm_adapters._egnn.compiled.tickets import Loans

Values = Sequence[Tensor | None]


class InOne(NamedTuple):
    """What is done in one call: functions of all tensors that may have a gradient, in order.

    Attributes:
        name: of it in operations.
        forward: (tensors, settings) to positions or updates of them, features, what else the
            gradient needs, and the loans of its memory.
        backward: (tensors, settings, what forward kept, its loans or none, gradients of both
            results or None for zeros, which are wanted) to the gradient of every tensor; None
            where there is none.
        plain: (tensors, settings) to both results by plain operations.
        shapes: of both results, and of what the gradient needs, (0,) for what there is not.
    """

    name: str
    forward: Callable[[Values, Settings], tuple[Tensor, Tensor, Values, Loans]]
    backward: Callable[
        [Values, Settings, Values, Loans, Values, Sequence[bool]], tuple[Tensor | None, ...]
    ]
    plain: Callable[[Values, Settings], tuple[Tensor, Tensor]]
    shapes: Callable[[Values], Sequence[tuple[int, ...]]]


def keeping(settings: Settings, needs: Sequence[bool]) -> Settings:
    """Without memory of edges where no tensor needs a gradient."""
    return settings._replace(keep=settings.keep and any(needs))


class Call(torch.autograd.Function):
    """(tensors..., settings, what is done) to both results."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *given, settings, what = arguments
        settings = keeping(settings, ctx.needs_input_grad)
        first, second, kept, loans = what.forward(given, settings)
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.what, ctx.loans = settings, what, loans
        ctx.save_for_backward(*given, *kept)
        return first, second

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        saved, settings, what = ctx.saved_tensors, ctx.settings, ctx.what
        count = len(ctx.needs_input_grad) - 2
        given, kept = saved[:count], saved[count:]
        if in_torch_again(*gradients):
            found = differentiable(given, lambda views: what.plain(views, settings), gradients)
        else:
            wants = ctx.needs_input_grad[:count]
            found = what.backward(given, settings, kept, ctx.loans, gradients, wants)
            # The graph may live on for a while. If it is gone through again, all is computed anew.
            ctx.loans = ()
        return (*found, None, None)

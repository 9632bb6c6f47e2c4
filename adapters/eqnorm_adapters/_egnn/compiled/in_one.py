"""Layers of an EGNN in one compiled call in each direction, as one node of autograd's graph.

For few nodes the operations between the sums over edges, each with a node of autograd's graph,
would take as long as all arithmetic; and what a layer costs beside its own is some forty tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm_adapters._again import differentiable, in_torch_again, without_autocast
from eqnorm_adapters._egnn.compiled import rows
from eqnorm_adapters._egnn.compiled.calls import PARAMETERS, backward, forward, split
from eqnorm_adapters._egnn.compiled.fused import in_torch
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Values
from eqnorm_adapters._egnn.compiled.settings import Settings
from eqnorm_adapters._egnn.norms import Slots, norms_by_layer, reads_features_at_the_end
from eqnorm_adapters._egnn.norms import plain as normed


def keeping(settings: Settings, needs: Sequence[bool]) -> Settings:
    """Without memory of edges where no tensor needs a gradient."""
    return settings._replace(keep=settings.keep and any(needs))


class InOne(torch.autograd.Function):
    """(tensors as in :func:`.calls.forward`, settings, norms) to both results."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *flat, settings, slots = arguments
        settings = keeping(settings, ctx.needs_input_grad)
        first, second, room, loans = forward(flat, settings, slots)
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.slots, ctx.loans = settings, slots, loans
        last = second if reads_features_at_the_end(slots) else None
        ctx.save_for_backward(*flat, room, last)
        return first, second

    @staticmethod
    @without_autocast
    def backward(ctx: Any, *gradients: Any) -> Any:
        *flat, room, second = ctx.saved_tensors
        settings, slots = ctx.settings, ctx.slots
        if in_torch_again(*gradients):
            again = differentiable(flat, lambda views: plain(views, settings, slots), gradients)
            return (*again, None, None)
        wants = ctx.needs_input_grad
        found = backward(flat, settings, room, ctx.loans, gradients, wants, slots, second)
        # The graph may live on for a while. If it is gone through again, all is computed anew.
        ctx.loans = ()
        return (*found, None, None)


def plain(flat: Values, settings: Settings, slots: Slots = ()) -> tuple[Tensor, Tensor]:
    """The same by plain operations: what the kernel must give, and how it is differentiated."""
    x: Any
    h: Any
    (x, h, v, e, vectors), parameters, of_norms = split(flat, slots)
    x0, layers = x, len(parameters) // PARAMETERS
    for layer, norms in enumerate(norms_by_layer(slots, of_norms, layers)):
        own: list[Any] = list(parameters[layer * PARAMETERS :][:PARAMETERS])
        h = normed(norms.features, h, x0, v, h)
        update, after = _layer(EdgeInputs(h, x, e, vectors, *own[:-8]), v, own[-8:], settings)
        update = normed(norms.update, update, x0, v, h)
        h = after
        x = update if settings.update else normed(norms.place, x + update, x0, v, h)
    return x, h


def _layer(
    given: EdgeInputs, v: Tensor | None, networks: list[Any], settings: Settings
) -> tuple[Tensor, Tensor]:
    messages, moves = in_torch(given, settings.edges)
    total = _scaled(messages, settings, settings.message_how)
    update = settings.weight * _scaled(moves, settings, settings.move_how)
    if v is not None:
        update = update + rows.in_torch((given.h, None, *networks[:4]), False) * v
    if networks[4] is None:
        return update, total
    return update, rows.in_torch((given.h, total, *networks[4:]), settings.residual)


def _scaled(total: Tensor, settings: Settings, how: int) -> Tensor:
    if not how:
        return total
    if settings.degrees is None:
        return torch.div(total, max(settings.degree, 1) ** (1.0 if how == 1 else 0.5))
    degrees = settings.degrees.clamp(min=1).to(total.dtype).unsqueeze(1)
    return torch.div(total, degrees if how == 1 else degrees.sqrt())

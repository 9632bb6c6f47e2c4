"""All layers of an EGNN in torch as one node of autograd's graph, where no norm stands between.

For few nodes a node of its own for each layer is 4% of a training step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.in_torch.inputs import COUNT, Inputs, Settings, plain
from eqnorm_adapters._egnn.in_torch.layer import gradients_of, run
from eqnorm_adapters._egnn.in_torch.path import given_of

_OWN = COUNT - 5  # parameters of a layer


def stack_in_torch(
    layers: Iterable[Any], x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """As :func:`eqnorm_adapters._egnn.compiled.whole_stack.stack_in_one`, of any dtype."""
    if torch.compiler.is_compiling():  # a layer is an operation there
        return None
    found = []
    for layer in layers:
        if (given := given_of(layer, x, h, graph, e, v)) is None:
            return None
        found.append(given)
    if not found:
        return None
    parameters = [p for given in found for p in given.networks]
    settings = [given.settings for given in found]
    both: tuple[Tensor, Tensor] = _Stack.apply(  # type: ignore[no-untyped-call]
        x, h, v, e, *parameters, settings
    )
    return both


class _Stack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *flat, settings = arguments
        x, h = flat[:2]
        between: list[Tensor] = []
        kept: list[Tensor | None] = []
        for n, how in enumerate(settings):
            if n:
                between += [x, h]
            update, h, own = run(_inputs(flat, x, h, n), how)
            x = update.add_(x)
            kept += own
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.count = settings, len(kept) // len(settings)
        ctx.save_for_backward(*flat, *between, *kept)
        return x, h

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        saved, settings = ctx.saved_tensors, ctx.settings  # once: checkpointing allows no more
        layers = len(settings)
        count = 4 + layers * _OWN
        flat = saved[:count]
        if in_torch_again(*gradients):
            again = differentiable(flat, lambda views: _plain(views, settings), gradients)
            return (*again, None)
        kept = saved[count + 2 * (layers - 1) :]
        wants, (g_x, g_h) = ctx.needs_input_grad, gradients
        g_v = g_e = None
        of_parameters: list[Tensor | None] = []
        for n in reversed(range(layers)):
            x, h = saved[count + 2 * n - 2 :][:2] if n else flat[:2]
            own = kept[n * ctx.count : (n + 1) * ctx.count]
            wanted = (bool(n) or wants[0], wants[2], wants[3])
            found = gradients_of(_inputs(flat, x, h, n), settings[n], own, g_x, g_h, wanted)
            g_x, g_h = _sum(g_x, found[0]), found[1]
            g_v, g_e = _sum(g_v, found[2]), _sum(g_e, found[3])
            of_parameters[:0] = found[5:]
        return (g_x, g_h, g_v, g_e, *of_parameters, None)


def _inputs(flat: Sequence[Any], x: Tensor, h: Tensor, layer: int) -> Inputs:
    start = 4 + layer * _OWN
    own = flat[start : start + _OWN]
    v = None if own[7] is None else flat[2]  # one without a network of velocities
    return Inputs.of((x, h, v, flat[3], None, *own))


def _plain(flat: Sequence[Any], settings: Sequence[Settings]) -> tuple[Tensor, Tensor]:
    x, h = flat[:2]
    for n, how in enumerate(settings):
        update, h = plain(_inputs(flat, x, h, n), how)
        x = x + update
    return x, h


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other

"""All layers of an EGNN in torch as one node of autograd's graph, with the norms between them.

For few nodes a node of its own for each layer is 4% of a training step, and for each norm 3%.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.compiled.path import problem
from eqnorm_adapters._egnn.in_torch.inputs import COUNT, Inputs, Settings, plain
from eqnorm_adapters._egnn.in_torch.layer import gradients_of, run
from eqnorm_adapters._egnn.in_torch.norms import Start, normed
from eqnorm_adapters._egnn.in_torch.norms import gradients_of as gradients_of_norm
from eqnorm_adapters._egnn.in_torch.path import given_of
from eqnorm_adapters._egnn.norms import Pair, Slots, norms_of, pairs
from eqnorm_adapters._egnn.norms import plain as plain_norm

_OWN = COUNT - 5  # parameters of a layer


def stack_in_torch(
    layers: Sequence[Any], x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """As :func:`eqnorm_adapters._egnn.compiled.whole_stack.stack_in_one`, of any dtype."""
    if torch.compiler.is_compiling():  # a layer is an operation there
        return None
    if layers and problem(layers[0], h, x, graph, e) is not None:  # layer by layer, but compiled
        return None
    found = []
    for layer in layers:
        if (given := given_of(layer, x, h, graph, e, v)) is None:
            return None
        found.append(given)
    if not found:
        return None
    if (norms := norms_of(layers, x, h, graph, v)) is None:
        return None
    slots, of_norms = norms
    parameters = [p for given in found for p in given.networks]
    settings = [given.settings for given in found]
    both: tuple[Tensor, Tensor] = _Stack.apply(  # type: ignore[no-untyped-call]
        x, h, v, e, *parameters, *of_norms, settings, slots
    )
    return both


class _Stack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *flat, settings, slots = arguments
        x, h = flat[:2]
        start = Start(x, flat[2])
        between: list[Tensor] = []
        of_norms: list[Tensor] = []
        kept: list[Tensor | None] = []
        for n, (how, norms) in enumerate(zip(settings, _norms(flat, settings, slots), strict=True)):
            if n:
                between += [x, h]
            update, after, own = run(_inputs(flat, x, h, n), how)
            update, saved = normed(norms[0], update, start, h)
            # What a norm has given is nobody else's either.
            moved, more = normed(norms[1], update.add_(x), start, after)
            x, h = moved, after
            of_norms += saved + more
            kept += own
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.slots, ctx.count = settings, slots, len(kept) // len(settings)
        ctx.save_for_backward(h if slots else None, *flat, *between, *kept, *of_norms)
        return x, h

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (last_h, *saved), settings = ctx.saved_tensors, ctx.settings  # once: checkpointing
        layers, slots = len(settings), ctx.slots
        count = len(saved) - 2 * (layers - 1) - layers * ctx.count
        count -= 2 * sum(slot is not None for slot in slots)
        flat = saved[:count]
        if in_torch_again(*gradients):
            again = differentiable(flat, lambda views: _plain(views, settings, slots), gradients)
            return (*again, None, None)
        kept = saved[count + 2 * (layers - 1) :]
        of_norms = kept[layers * ctx.count :]
        wants, (g_x, g_h) = ctx.needs_input_grad, gradients
        start = Start(flat[0], flat[2], (wants[0], wants[2]))
        g_x0 = g_v = g_e = None
        of_layers: list[Tensor | None] = []
        of_parameters: list[Tensor | None] = []
        norms, after = _norms(flat, settings, slots), last_h
        for n in reversed(range(layers)):
            x, h = saved[count + 2 * n - 2 :][:2] if n else flat[:2]
            own = kept[n * ctx.count : (n + 1) * ctx.count]
            place = gradients_of_norm(norms[n][1], g_x, start, after, of_norms)
            g_x, g_h = place.value, _sum(g_h, place.h)
            update = gradients_of_norm(norms[n][0], g_x, start, h, of_norms)
            wanted = (bool(n) or wants[0], wants[2], wants[3])
            found = gradients_of(
                _inputs(flat, x, h, n), settings[n], own, update.value, g_h, wanted
            )
            g_x, g_h = _sum(g_x, found[0]), _sum(found[1], update.h)
            g_v, g_e = _sum(g_v, found[2]), _sum(g_e, found[3])
            for norm in (place, update):
                g_x0, g_v = _sum(g_x0, norm.x0), _sum(g_v, norm.v)
            of_layers[:0] = found[5:]
            of_parameters[:0] = (*update.parameters, *place.parameters)
            after = h
        return (_sum(g_x, g_x0), g_h, g_v, g_e, *of_layers, *of_parameters, None, None)


def _norms(
    flat: Sequence[Any], settings: Sequence[Settings], slots: Slots
) -> list[tuple[Pair, Pair]]:
    return pairs(slots, flat[4 + len(settings) * _OWN :], len(settings))


def _inputs(flat: Sequence[Any], x: Tensor, h: Tensor, layer: int) -> Inputs:
    start = 4 + layer * _OWN
    own = flat[start : start + _OWN]
    v = None if own[7] is None else flat[2]  # one without a network of velocities
    return Inputs.of((x, h, v, flat[3], None, *own))


def _plain(
    flat: Sequence[Any], settings: Sequence[Settings], slots: Slots
) -> tuple[Tensor, Tensor]:
    x, h, v = flat[:3]
    x0 = x
    for n, (how, norms) in enumerate(zip(settings, _norms(flat, settings, slots), strict=True)):
        update, after = plain(_inputs(flat, x, h, n), how)
        update = plain_norm(norms[0], update, x0, v, h)
        h = after
        x = plain_norm(norms[1], x + update, x0, v, h)
    return x, h


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other

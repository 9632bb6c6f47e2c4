"""All layers of an EGNN in torch as one node of autograd's graph, with the norms between them.

For few nodes a node of its own for each layer is 4% of a training step, and for each norm 3%.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again, without_autocast
from eqnorm_adapters._egnn.compiled.path import problem
from eqnorm_adapters._egnn.in_torch.inputs import COUNT, Inputs, Settings, plain
from eqnorm_adapters._egnn.in_torch.layer import gradients_of, run
from eqnorm_adapters._egnn.in_torch.norms import Start, normed
from eqnorm_adapters._egnn.in_torch.norms import gradients_of as gradients_of_norm
from eqnorm_adapters._egnn.in_torch.path import given_of
from eqnorm_adapters._egnn.norms import (
    Norms,
    Slots,
    norms_by_layer,
    norms_of,
    reads_features_at_the_end,
)
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
        saved: list[Tensor | None] = []
        counts = []
        for n, (how, norms) in enumerate(zip(settings, _norms(flat, settings, slots), strict=True)):
            h, of_features = normed(norms.features, h, start, h)
            update, after, own = run(_inputs(flat, x, h, n), how)
            update, of_update = normed(norms.update, update, start, h)
            # What a norm has given is nobody else's either.
            moved, of_place = normed(norms.place, update.add_(x), start, after)
            parts = ([x, h], own, of_features, of_update, of_place)
            saved += [t for part in parts for t in part]
            counts.append([len(part) for part in parts])
            x, h = moved, after
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.slots, ctx.counts = settings, slots, counts
        last = h if reads_features_at_the_end(slots) else None
        ctx.save_for_backward(*flat, last, *saved)
        return x, h

    @staticmethod
    @without_autocast
    def backward(ctx: Any, *gradients: Any) -> Any:
        saved, settings, slots = ctx.saved_tensors, ctx.settings, ctx.slots  # once: checkpointing
        end = len(saved) - sum(map(sum, ctx.counts))
        flat, after = saved[: end - 1], saved[end - 1]
        if in_torch_again(*gradients):
            again = differentiable(flat, lambda views: _plain(views, settings, slots), gradients)
            return (*again, None, None)
        wants, (g_x, g_h) = ctx.needs_input_grad, gradients
        start = Start(flat[0], flat[2], (wants[0], wants[2]))
        g_x0 = g_v = g_e = None
        of_layers: list[Tensor | None] = []
        of_parameters: list[Tensor | None] = []
        norms = _norms(flat, settings, slots)
        for n in reversed(range(len(settings))):
            (x, h), own, *of_norms = _parts(saved[end:], ctx.counts, n)
            place = gradients_of_norm(norms[n].place, g_x, start, after, of_norms[2])
            g_x, g_h = place.value, _sum(g_h, place.h)
            update = gradients_of_norm(norms[n].update, g_x, start, h, of_norms[1])
            wanted = (bool(n) or wants[0], wants[2], wants[3])
            given = _inputs(flat, x, h, n)
            found = gradients_of(given, settings[n], own, update.value, g_h, wanted)
            features = gradients_of_norm(
                norms[n].features, _sum(found[1], update.h), start, h, of_norms[0]
            )
            g_x, g_h = _sum(g_x, found[0]), features.value
            g_v, g_e = _sum(g_v, found[2]), _sum(g_e, found[3])
            for norm in (place, update):
                g_x0, g_v = _sum(g_x0, norm.x0), _sum(g_v, norm.v)
            of_layers[:0] = found[5:]
            of_parameters[:0] = (*features.parameters, *update.parameters, *place.parameters)
            after = of_norms[0][0] if of_norms[0] else h  # before the norm of features
        return (_sum(g_x, g_x0), g_h, g_v, g_e, *of_layers, *of_parameters, None, None)


def _norms(flat: Sequence[Any], settings: Sequence[Settings], slots: Slots) -> list[Norms]:
    return norms_by_layer(slots, flat[4 + len(settings) * _OWN :], len(settings))


def _parts(saved: Sequence[Any], counts: Sequence[Sequence[int]], layer: int) -> list[Any]:
    """What a layer has saved, in its parts."""
    start = sum(map(sum, counts[:layer]))
    parts = []
    for size in counts[layer]:
        parts.append(saved[start : start + size])
        start += size
    return parts


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
        h = plain_norm(norms.features, h, x0, v, h)
        update, after = plain(_inputs(flat, x, h, n), how)
        update = plain_norm(norms.update, update, x0, v, h)
        h = after
        x = plain_norm(norms.place, x + update, x0, v, h)
    return x, h


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other

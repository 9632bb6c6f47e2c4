"""One compiled call for all layers of an EGNN, in each direction, where no norm stands between.

For few nodes what a layer costs beside its arithmetic is a node of autograd's graph and some forty
tensors; all layers together have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.compiled import path, rows
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs
from eqnorm_adapters._egnn.compiled.stack_calls import PARAMETERS, backward, forward
from eqnorm_adapters._egnn.compiled.whole_layer import (
    Inputs,
    Settings,
    networks_of,
    plain,
    settings_of,
)
from eqnorm_adapters._egnn.layer import EGNNLayer

_INPUTS = 4  # before the parameters: x, h, v, e


def stack_in_one(
    layers: Iterable[nn.Module],
    x: Tensor,
    h: Tensor,
    graph: Graph,
    edge_attr: Tensor | None,
    v: Tensor | None,
) -> tuple[Tensor, Tensor] | None:
    """Positions (N, 3) and features (N, C) after all layers; None where this does not apply.

    Args:
        layers: :class:`eqnorm_adapters._egnn.layer.EGNNLayer` with one choice of options.
        x: shape (N, 3).
        h: shape (N, C).
        graph: the graph.
        edge_attr: shape (E, K - 1), or None.
        v: shape (N, 3), or None.
    """
    if torch.compiler.is_compiling() or nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]
        return None
    parameters: list[Tensor | None] = []
    found = None
    for layer in layers:
        own = _of(layer, x, h, graph, edge_attr, v)
        if own is None:
            return None
        if found is not None and not _alike(own, (found, parameters)):
            return None
        found, weights = own
        parameters += weights
    if found is None:
        return None
    out: tuple[Tensor, Tensor] = _Stack.apply(  # type: ignore[no-untyped-call]
        x, h, v if parameters[PARAMETERS - 8] is not None else None, edge_attr, *parameters, found
    )
    return out


def _of(
    layer: Any, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Settings, tuple[Tensor | None, ...]] | None:
    """Settings and parameters of a layer that the kernel serves whole."""
    if type(layer) is not EGNNLayer or rows.hooked(layer):
        return None  # what someone has put in its place, or looks at
    norms = (layer.norm, layer.update_norm, layer.edge_norm, layer.feature_norm, layer.message_norm)
    if layer.width % 16 or layer.velocity_update or any(norm is not None for norm in norms):
        return None
    if (compiled := path.problem(layer, h, x, graph, e)) is None:
        return None
    if (networks := networks_of(layer, v)) is None:
        return None
    given, edges = compiled
    return settings_of(layer, edges, graph), (*given[4:], *networks[0], *networks[1])


def _alike(
    one: tuple[Settings, Sequence[Tensor | None]], other: tuple[Settings, Sequence[Tensor | None]]
) -> bool:
    """Whether two layers have the same options, so that one record serves both.

    They are built so, but someone may have changed an attribute of one.
    """
    a, b = one[0], other[0]
    velocities = [weights[PARAMETERS - 8] is None for _, weights in (one, other)]
    same_edges = a.edges[3:] == b.edges[3:]
    return same_edges and a[2:] == b[2:] and velocities[0] == velocities[1]


class _Stack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *flat, settings = arguments
        if settings.keep and not any(ctx.needs_input_grad):
            settings = settings._replace(keep=False)
        x, h, room, loans = forward(flat[:_INPUTS], flat[_INPUTS:], settings)
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.loans = settings, loans
        ctx.save_for_backward(*flat, room)
        return x, h

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        *flat, room = ctx.saved_tensors
        settings, wants = ctx.settings, ctx.needs_input_grad
        if in_torch_again(*gradients):
            again = differentiable(flat, lambda views: in_torch(views, settings), gradients)
            return (*again, None)
        loans = ctx.loans
        found = backward(
            *(flat[:_INPUTS], flat[_INPUTS:], settings, room, loans, gradients),
            (wants[2], wants[3]),
        )
        # The graph may live on for a while. If it is gone through again, all is computed anew.
        ctx.loans = (None,) * len(loans)
        return (*found, None)


def in_torch(flat: list[Any], settings: Settings) -> tuple[Tensor, Tensor]:
    """The same by plain operations: of x, h, v, e and the parameters."""
    x, h, v, e, *parameters = flat
    for start in range(0, len(parameters), PARAMETERS):
        own = parameters[start : start + PARAMETERS]
        edges = EdgeInputs(h, x, e, None, *own[:-8])
        given = Inputs(edges, v, tuple(own[-8:-4]), tuple(own[-4:]))
        update, h = plain(given, settings)
        x = x + update
    return x, h

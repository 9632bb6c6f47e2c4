"""Whether a layer of an EGNN can run as one function in torch, and what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled.path import parameters_in_torch
from eqnorm_adapters._egnn.compiled.rows import two_layers, untouched_weights
from eqnorm_adapters._egnn.in_torch.blocks import whole
from eqnorm_adapters._egnn.in_torch.edges import how_many
from eqnorm_adapters._egnn.in_torch.inputs import NO_NETWORK, Settings, factor
from eqnorm_adapters._egnn.in_torch.layer import Layer
from eqnorm_adapters._egnn.in_torch.operations import layer_operation

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer


def layer_in_torch(
    layer: EGNNLayer, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor, Tensor, bool] | None:
    """Update of positions (N, 3) before its norm; aggregated messages or new features (N, C).

    Returns:
        Both, and whether the second are the new features. None where modules must run: another
        activation or attention, replaced or hooked networks of edges, autocast, torch.func,
        forward mode, export, compilation for a GPU, half precision, or a box that has a gradient.
    """
    parameters = parameters_in_torch(layer, h, x, e, v)
    shifts = graph.shifts
    if parameters is None or graph.num_edges == 0 or (shifts is not None and shifts.requires_grad):
        return None
    vectors = None
    if layer.edge_norm is not None:
        vectors = layer.edge_norm(graph.relative(x), graph.edge_graph()).to(x.dtype)
    phi_v = phi_h = None
    moving = layer.coord_mlp_vel
    if moving is not None and v is not None:
        phi_v = untouched_weights(moving, layer.width, False, h.dtype)
    if layer.message_norm is None:
        phi_h = untouched_weights(layer.node_mlp, layer.width, True, h.dtype)
    inside = v if phi_v is not None else None
    networks = (*parameters, *(phi_v or NO_NETWORK), *(phi_h or NO_NETWORK))
    inputs = (x, h, inside, e, vectors, *networks)
    how, move_how = layer.message_aggregation, layer.coord_aggregation
    more = (len(layer.coord_mlp) > 3, layer.residual)
    if torch.compiler.is_compiling():
        options = (how, move_how, layer.coords_weight, *more)
        update, second = layer_operation(inputs, graph, options)
    else:
        degree = graph.degrees if graph.neighbors is None else graph.neighbors.shape[1]
        settings = Settings(
            whole(graph),
            None if shifts is None else shifts.to(x.dtype),
            None if how == "sum" else factor(degree, how, h, 1.0),
            factor(degree, move_how, h, layer.coords_weight),
            *more,
            how_many(graph.num_edges, layer.width),
            torch.is_grad_enabled(),
        )
        update, second = Layer.apply(*inputs, settings)  # type: ignore[no-untyped-call]
    if moving is not None and v is not None and inside is None:
        speed = two_layers(moving, h, None, False, False)
        update = torch.addcmul(update, speed.to(v.dtype), v)
    return update, second, phi_h is not None

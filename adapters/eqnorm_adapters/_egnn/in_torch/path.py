"""Whether a layer of an EGNN can run as one function in torch, and what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


class Given(NamedTuple):
    """What a layer's function is given beside x, h, v and e.

    Attributes:
        networks: W1 to b2 of phi_e, W3, b3, w4 of phi_x, four each of phi_v and phi_h; None for
            these where they have no part in it.
        settings: what is not differentiated.
    """

    networks: tuple[Tensor | None, ...]
    settings: Settings


def layer_in_torch(
    layer: EGNNLayer, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor, Tensor, bool] | None:
    """Update of positions (N, 3) before its norm; aggregated messages or new features (N, C).

    Returns:
        Both, and whether the second are the new features. None where modules must run: another
        activation or attention, replaced or hooked networks of edges, autocast, torch.func,
        forward mode, export, compilation for a GPU, half precision, or a box that has a gradient.
    """
    networks = _networks(layer, x, h, graph, e, v)
    if networks is None:
        return None
    vectors = None
    if layer.edge_norm is not None:
        vectors = layer.edge_norm(graph.relative(x), graph.edge_graph()).to(x.dtype)
    moving = layer.coord_mlp_vel
    inside = v if networks[7] is not None else None
    inputs = (x, h, inside, e, vectors, *networks)
    if torch.compiler.is_compiling():
        how, move_how = layer.message_aggregation, layer.coord_aggregation
        options = (how, move_how, layer.coords_weight, len(layer.coord_mlp) > 3, layer.residual)
        update, second = layer_operation(inputs, graph, options)
    else:
        update, second = Layer.apply(*inputs, _settings(layer, h, graph))  # type: ignore[no-untyped-call]
    if moving is not None and v is not None and inside is None:
        speed = two_layers(moving, h, None, False, False)
        update = torch.addcmul(update, speed.to(v.dtype), v)
    return update, second, networks[11] is not None


def given_of(
    layer: EGNNLayer, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> Given | None:
    """For a layer with nothing before or after it, all of which is done in its function."""
    networks = _networks(layer, x, h, graph, e, v)
    if networks is None or networks[11] is None:
        return None
    if networks[7] is None and layer.coord_mlp_vel is not None and v is not None:
        return None
    return Given(networks, _settings(layer, h, graph))


def _networks(
    layer: EGNNLayer, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor | None, ...] | None:
    parameters = parameters_in_torch(layer, h, x, e, v)
    shifts = graph.shifts
    if parameters is None or graph.num_edges == 0 or (shifts is not None and shifts.requires_grad):
        return None
    phi_v = phi_h = None
    if layer.coord_mlp_vel is not None and v is not None:
        phi_v = untouched_weights(layer.coord_mlp_vel, layer.width, False, h.dtype)
    if layer.message_norm is None:
        phi_h = untouched_weights(layer.node_mlp, layer.width, True, h.dtype)
    return (*parameters, *(phi_v or NO_NETWORK), *(phi_h or NO_NETWORK))


def _settings(layer: EGNNLayer, h: Tensor, graph: Graph) -> Settings:
    how, shifts = layer.message_aggregation, graph.shifts
    degree = graph.degrees if graph.neighbors is None else graph.neighbors.shape[1]
    return Settings(
        whole(graph),
        None if shifts is None else shifts.to(h.dtype),
        None if how == "sum" else factor(degree, how, h, 1.0),
        factor(degree, layer.coord_aggregation, h, layer.coords_weight),
        len(layer.coord_mlp) > 3,
        layer.residual,
        how_many(graph.num_edges, layer.width),
        torch.is_grad_enabled(),
    )

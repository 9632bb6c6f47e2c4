"""One compiled call for a layer of an EGNN, in each direction, where things run at once.

The sums over edges, the velocities' network, both updates: for few nodes the operations between
them, each with a node of autograd's graph, would take as long as all arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.compiled import rows
from eqnorm_adapters._egnn.compiled.fused import in_torch
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.layer_calls import backward, forward

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

_HOW = {"sum": 0, "mean": 1, "sqrt": 2}
_EDGES = len(EdgeInputs._fields)


class Settings(NamedTuple):
    """What is not differentiated.

    Attributes:
        edges: as the kernel of the edges takes them.
        degrees: number of edges of every node, shape (N,), int64; None if all have `degree`.
        degree: that number.
        message_how: 0 for sums of messages, 1 for means, 2 for sums over the root of the number.
        move_how: the same of weighted relative vectors.
        weight: factor of the latter.
        residual: whether features are added to their update.
        keep: whether there will be gradients.
        threads: at most, in both directions: what edges keep lies in the order of their parts.
    """

    edges: Edges
    degrees: Tensor | None
    degree: int
    message_how: int
    move_how: int
    weight: float
    residual: bool
    keep: bool
    threads: int


class Inputs(NamedTuple):
    """What the layer depends on.

    Attributes:
        edges: of the sums over edges; h (N, C) and x (N, 3) are among them.
        v: velocities, shape (N, 3), or None.
        phi_v: W1, b1, W2, b2 of the network that multiplies velocities; None for all without.
        phi_h: the same of the update of features; None for all where it is not done.
    """

    edges: EdgeInputs
    v: Tensor | None
    phi_v: tuple[Tensor | None, ...]
    phi_h: tuple[Tensor | None, ...]

    @classmethod
    def of(cls, flat: Any) -> Inputs:
        """From the arguments or saved tensors of :class:`_Layer`."""
        k = _EDGES
        edges = EdgeInputs(*flat[:k])
        return cls(edges, flat[k], tuple(flat[k + 1 : k + 5]), tuple(flat[k + 5 : k + 9]))


NO_NETWORK = (None, None, None, None)


def layer_in_one(
    layer: EGNNLayer, given: EdgeInputs, edges: Edges, v: Tensor | None, graph: Graph
) -> tuple[Tensor, Tensor, bool] | None:
    """Update of positions (N, 3) before its norm; aggregated messages or new features (N, C).

    Returns:
        Both, and whether the second are the new features: they are where no norm of messages
        stands between. None where this way of computing does not apply.
    """
    if layer.width % 16 or torch.compiler.is_compiling():
        return None
    networks = networks_of(layer, v)
    if networks is None:
        return None
    phi_v, phi_h = networks
    inside = None if phi_v[0] is None else v
    settings = settings_of(layer, edges, graph)
    update, second = _Layer.apply(*given, inside, *phi_v, *phi_h, settings)  # type: ignore[no-untyped-call]
    return update, second, layer.message_norm is None


def networks_of(
    layer: EGNNLayer, v: Tensor | None
) -> tuple[tuple[Tensor | None, ...], tuple[Tensor | None, ...]] | None:
    """W1, b1, W2 and b2 of phi_v and phi_h, all None of one that has no part in the call.

    None where the kernel cannot serve one that has.
    """
    phi_v: tuple[Tensor | None, ...] | None = NO_NETWORK
    phi_h: tuple[Tensor | None, ...] | None = NO_NETWORK
    if layer.coord_mlp_vel is not None and v is not None:
        if type(v) is not Tensor or v.dtype != torch.float32:
            return None
        phi_v = rows.weights(layer.coord_mlp_vel, layer.width, False)
    if layer.message_norm is None:
        phi_h = rows.weights(layer.node_mlp, layer.width, True)
    return None if phi_v is None or phi_h is None else (phi_v, phi_h)


def settings_of(layer: EGNNLayer, edges: Edges, graph: Graph) -> Settings:
    """What a layer is told beside tensors that have gradients."""
    dense = graph.neighbors is not None
    return Settings(
        edges,
        None if dense else graph.degrees,
        edges.size - 1,
        _HOW[layer.message_aggregation],
        _HOW[layer.coord_aggregation],
        layer.coords_weight,
        layer.residual,
        torch.is_grad_enabled(),
        torch.get_num_threads(),
    )


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *flat, settings = arguments
        if settings.keep and not any(ctx.needs_input_grad):
            settings = settings._replace(keep=False)
        update, total, features, kept, loan = forward(Inputs.of(flat), settings)
        ctx.set_materialize_grads(False)
        ctx.settings, ctx.loan = settings, loan
        ctx.save_for_backward(*flat, *kept)
        return update, total if features is None else features

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        saved, settings, wants = ctx.saved_tensors, ctx.settings, ctx.needs_input_grad
        count = _EDGES + 9
        if in_torch_again(*gradients):
            again = differentiable(
                saved[:count], lambda views: plain(Inputs.of(views), settings), gradients
            )
            return (*again, None)
        given = Inputs.of(saved[:count])
        wanted = (wants[1], wants[2], wants[_EDGES])
        found = backward(given, settings, saved[count:], gradients, wanted, ctx.loan)
        # The graph may live on for a while. If it is gone through again, all is computed anew.
        ctx.loan = None
        return (*found, None)


def plain(given: Inputs, settings: Settings) -> tuple[Tensor, Tensor]:
    """The same by plain operations: what the kernel must give, and how it is differentiated."""
    messages, moves = in_torch(given.edges, settings.edges)
    total = _scaled(messages, settings, settings.message_how)
    update = settings.weight * _scaled(moves, settings, settings.move_how)
    h = given.edges.h
    if given.v is not None:
        update = update + rows.in_torch((h, None, *given.phi_v), False) * given.v
    if given.phi_h[0] is None:
        return update, total
    return update, rows.in_torch((h, total, *given.phi_h), settings.residual)


def _scaled(total: Tensor, settings: Settings, how: int) -> Tensor:
    if not how:
        return total
    if settings.degrees is None:
        return torch.div(total, max(settings.degree, 1) ** (1.0 if how == 1 else 0.5))
    degrees = settings.degrees.clamp(min=1).to(total.dtype).unsqueeze(1)
    return torch.div(total, degrees if how == 1 else degrees.sqrt())

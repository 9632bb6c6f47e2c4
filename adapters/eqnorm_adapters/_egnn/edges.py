"""Sums over the edges of a graph, dense for complete graphs and over an edge list for others.

Complete graphs are laid out (N, n-1, C), every node with its n-1 senders: sums over edges are then
reductions of one dimension, and products of few columns go in batches, one for each node, which is
two to three times as fast as one tall product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqnorm import Graph
from eqnorm_adapters._eager import is_eager
from eqnorm_adapters._hooked import hooked

Aggregation = Literal["sum", "mean", "sqrt"]
_MANY = 32  # edges of a node: batches are then faster than one tall product


def on_edges(network: nn.Module, h: Tensor, scalars: Tensor, graph: Graph) -> Tensor:
    """A network of (h_i, h_j, s_ij): two of three parts of its first product are done at nodes.

    What someone looks at, or has put there, is called instead.

    Args:
        network: of 2 C + K inputs, by default linear maps and activations.
        h: shape (N, C).
        scalars: s, shape (E, K).
        graph: its edges.
    """
    known = type(network) is nn.Sequential and not hooked(network)
    first, *others = network if known else (None,)  # type: ignore[misc]
    if not isinstance(first, nn.Linear) or hooked(first):
        ends = (h.index_select(0, graph.receivers), h.index_select(0, graph.senders))
        out: Tensor = network(torch.cat([*ends, scalars], dim=-1))
        return out
    parts = [h.shape[1], h.shape[1], scalars.shape[1]]
    at_receiver, at_sender, at_edge = torch.split(first.weight, parts, dim=1)
    receive, send = F.linear(h, at_receiver, first.bias), F.linear(h, at_sender)
    out = affine(receive, send, scalars, at_edge, graph)
    for module in others:
        out = module(out)
    return out


def affine(receive: Tensor, send: Tensor, scalars: Tensor, weight: Tensor, graph: Graph) -> Tensor:
    """a_i + b_j + W s_ij of every edge, shape (E, C).

    Args:
        receive: a, shape (N, C).
        send: b, shape (N, C).
        scalars: s, shape (E, K).
        weight: W, shape (C, K).
        graph: its edges.
    """
    if is_eager(receive, send, scalars, weight) and not torch.is_autocast_enabled(send.device.type):
        out: Tensor = _Affine.apply(receive, send, scalars, weight, graph)  # type: ignore[no-untyped-call]
        return out
    return affine_in_torch(receive, send, scalars, weight, graph)


def affine_in_torch(
    receive: Tensor, send: Tensor, scalars: Tensor, weight: Tensor, graph: Graph
) -> Tensor:
    """The same by plain operations."""
    # Each sum is written into the result of the product before it: a new tensor of E rows costs
    # more than the sum.
    if graph.neighbors is None:
        out = F.linear(scalars, weight)
        out = out.add_(receive.index_select(0, graph.receivers))
        return out.add_(send.index_select(0, graph.senders))
    nodes, degree = graph.num_nodes, graph.neighbors.shape[1]
    factor = weight.t().expand(nodes, *weight.t().shape)
    out = torch.baddbmm(receive.unsqueeze(1), scalars.view(nodes, degree, scalars.shape[1]), factor)
    return out.add_(_from_senders(send, graph, graph.neighbors)).flatten(0, 1)


class _Affine(torch.autograd.Function):
    """The same; in its gradient products of few columns are laid out as they are fast, thrice so.

    The gradient consists of operations that can be differentiated again.
    """

    @staticmethod
    def forward(
        ctx: Any, receive: Tensor, send: Tensor, scalars: Tensor, weight: Tensor, graph: Graph
    ) -> Tensor:
        ctx.graph = graph
        ctx.save_for_backward(scalars, weight)
        return affine_in_torch(receive, send, scalars, weight, graph)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        given = (*ctx.saved_tensors, ctx.graph, ctx.needs_input_grad)
        return (*affine_gradients(g, *given), None)


def affine_gradients(
    g: Tensor, scalars: Tensor, weight: Tensor, graph: Graph, wants: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """Of a, b, s and W of :func:`affine`, as far as they are wanted, from that of the result."""
    g_receive = graph.aggregate(g) if wants[0] else None
    g_send = _to_senders(g, graph) if wants[1] else None
    g_scalars = F.linear(g, weight.t().contiguous()) if wants[2] else None
    g_weight = None
    if wants[3] and graph.neighbors is not None and graph.neighbors.shape[1] >= _MANY:
        by_node = (graph.num_nodes, graph.neighbors.shape[1])
        parts = scalars.view(*by_node, -1).transpose(1, 2) @ g.view(*by_node, -1)
        g_weight = parts.sum(0).t()
    elif wants[3]:
        g_weight = (scalars.t() @ g).t()
    return g_receive, g_send, g_scalars, g_weight


def weighted_sum(weight: Tensor, vectors: Tensor, graph: Graph, how: Aggregation) -> Tensor:
    """Sum, mean or scaled sum of w_ij d_ij over the edges of each node: (E, 1), (E, 3) -> (N, 3).

    In the precision of the vectors: autocast would do the batched product in half precision.
    """
    if graph.neighbors is None or weight.dtype != vectors.dtype:
        return graph.aggregate(vectors * weight.to(vectors.dtype), how)
    nodes, degree = graph.num_nodes, graph.neighbors.shape[1]
    total = torch.bmm(weight.view(nodes, 1, degree), vectors.view(nodes, degree, 3)).squeeze(1)
    return scaled(total, graph, how)


def scaled(total: Tensor, graph: Graph, how: Aggregation) -> Tensor:
    """A sum over the edges of each node, of shape (N, D), as the aggregation wants it."""
    if how == "sum":
        return total
    if graph.neighbors is not None:
        degree = graph.neighbors.shape[1]
        return total if degree < 2 else total / (degree if how == "mean" else degree**0.5)
    degrees = graph.degrees.clamp(min=1).to(total.dtype).unsqueeze(1)
    return total / degrees if how == "mean" else total * degrees.rsqrt()


def _to_senders(values: Tensor, graph: Graph) -> Tensor:
    """Sums over the edges that each node sends: (E, C) -> (N, C)."""
    width = values.shape[1]
    if graph.neighbors is None:
        return values.new_zeros(graph.num_nodes, width).index_add(0, graph.senders, values)
    size = graph.neighbors.shape[0]
    total = values.new_zeros(graph.num_graphs, size, width)
    by_graph = values.view(graph.num_graphs, -1, width)
    return total.index_add(1, graph.neighbors.flatten(), by_graph).view(graph.num_nodes, width)


def _from_senders(values: Tensor, graph: Graph, neighbors: Tensor) -> Tensor:
    """The value at the sender of every edge: (N, C) -> (N, n-1, C)."""
    size, degree = neighbors.shape
    by_graph = values.view(graph.num_graphs, size, values.shape[1])
    return by_graph.index_select(1, neighbors.flatten()).view(
        graph.num_nodes, degree, values.shape[1]
    )

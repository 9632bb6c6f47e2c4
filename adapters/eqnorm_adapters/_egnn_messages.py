"""Sums of messages, and weights of edges, in torch: gradients written by hand for eager mode.

Autograd makes a new tensor of the size of the edges for every step of the gradient, whose pages
cost more than its numbers; here two of them are used again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn_edges import affine_gradients, affine_in_torch


def sums_and_weights(
    at_nodes: tuple[Tensor, Tensor],
    scalars: Tensor,
    weight: Tensor,
    parameters: Sequence[Tensor],
    graph: Graph,
) -> tuple[Tensor, Tensor]:
    """M = silu(W2 silu(a_i + b_j + W s_ij) + b2), and w4 . silu(W3 m + b3), of every edge.

    Args:
        at_nodes: a and b, shape (N, C).
        scalars: s, shape (E, K).
        weight: W, shape (C, K).
        parameters: W2, b2, W3, b3, w4.
        graph: its edges.

    Returns:
        Sums at receivers, shape (N, C), and weights, shape (E, 1).
    """
    out: tuple[Tensor, Tensor] = _Messages.apply(  # type: ignore[no-untyped-call]
        *at_nodes, scalars, weight, *parameters, graph
    )
    return out


def _plain(inputs: Any, graph: Graph) -> tuple[Tensor, Tensor]:
    w2, b2, w3, b3, w4 = inputs[4:]
    receive, send, scalars, weight = inputs[:4]
    hidden = F.silu(affine_in_torch(receive, send, scalars, weight, graph))
    messages = F.silu(F.linear(hidden, w2, b2))
    return graph.aggregate(messages), F.linear(F.silu(F.linear(messages, w3, b3)), w4)


class _Messages(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *inputs, graph = arguments
        receive, send, scalars, weight, w2, b2, w3, b3, w4 = inputs
        u1 = affine_in_torch(receive, send, scalars, weight, graph)
        room = F.silu(u1)
        u2 = F.linear(room, w2, b2)
        messages = _silu(u2, room)
        total = graph.aggregate(messages)
        u3 = F.linear(messages, w3, b3)
        ctx.graph = graph
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, u1, u2, u3)
        return total, F.linear(_silu(u3, room), w4)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        *inputs, u1, u2, u3 = ctx.saved_tensors
        if in_torch_again(*gradients):
            again = differentiable(inputs, lambda views: _plain(views, ctx.graph), gradients)
            return (*again, None)
        _, _, scalars, weight, w2, _, w3, _, w4 = inputs
        g_total, g_weights = gradients
        if g_total is None and g_weights is None:
            return (None,) * (len(inputs) + 1)
        g_w3 = g_b3 = g_w4 = None
        room, first = torch.empty_like(u1), torch.empty_like(u1)
        if g_weights is None:
            g = _to_edges(g_total, ctx.graph, torch.zeros_like(u2))
        else:
            g_w4 = g_weights.t() @ _silu(u3, room)
            torch.mm(g_weights, w4, out=first)
            _through_silu(first, u3)
            g_w3, g_b3 = first.t() @ _silu(u2, room), first.sum(0)
            g = first @ w3
            if g_total is not None:
                g = _to_edges(g_total, ctx.graph, g)
        _through_silu(g, u2)
        g_w2, g_b2 = g.t() @ _silu(u1, room), g.sum(0)
        torch.mm(g, w2, out=first)
        _through_silu(first, u1)
        wants = ctx.needs_input_grad[:4]
        parts = affine_gradients(first, scalars, weight, ctx.graph, wants)
        return (*parts, g_w2, g_b2, g_w3, g_b3, g_w4, None)


def _to_edges(g: Tensor, graph: Graph, edges: Tensor) -> Tensor:
    """Add to every edge what its receiver has, in place: (N, C) to (E, C)."""
    if graph.neighbors is None:
        return edges.add_(g.index_select(0, graph.receivers))
    edges.view(g.shape[0], -1, g.shape[1]).add_(g.unsqueeze(1))
    return edges


def _silu(u: Tensor, room: Tensor) -> Tensor:
    """silu(u), written into ``room``: faster than what a new tensor, or one that is kept, costs."""
    out: Tensor = torch.ops.aten.silu.out(u, out=room)
    return out


def _through_silu(g: Tensor, u: Tensor) -> None:
    """The gradient of silu(u) to that of u, in place."""
    torch.ops.aten.silu_backward.grad_input(g, u, grad_input=g)

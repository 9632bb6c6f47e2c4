"""A layer of an EGNN as one node of autograd's graph, in torch, gradients by hand.

The edges in blocks (:mod:`eqnorm_adapters._egnn.in_torch.edges`), the velocities' network, both
updates: for few nodes the operations of autograd take longer than all arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm_adapters._again import differentiable, in_torch_again, without_autocast
from eqnorm_adapters._egnn.in_torch import edges as networks
from eqnorm_adapters._egnn.in_torch import rows
from eqnorm_adapters._egnn.in_torch.inputs import (
    COUNT,
    NO_NETWORK,
    Inputs,
    Settings,
    plain,
    relative_vectors,
    split_weights,
)
from eqnorm_adapters._egnn.in_torch.steps import ones


class Layer(torch.autograd.Function):
    """Inputs, flat, and settings to the update of positions, and new features or messages."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        ctx.how = arguments[COUNT]
        update, second, kept = run(Inputs.of(arguments), ctx.how)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments[:COUNT], *kept)
        return update, second

    @staticmethod
    @without_autocast
    def backward(ctx: Any, *gradients: Any) -> Any:
        saved, how = ctx.saved_tensors, ctx.how  # once: checkpointing allows no more
        flat, kept = saved[:COUNT], saved[COUNT:]
        if in_torch_again(*gradients):
            again = differentiable(flat, lambda views: plain(Inputs.of(views), how), gradients)
            return (*again, None)
        wants = ctx.needs_input_grad
        wanted = (wants[0], wants[2], wants[3])
        g_update, g_second = gradients
        return (*gradients_of(Inputs.of(flat), how, kept, g_update, g_second, wanted), None)


def run(given: Inputs, how: Settings) -> tuple[Tensor, Tensor, tuple[Tensor | None, ...]]:
    """Update (N, 3), features or messages (N, C), and what :func:`gradients_of` needs."""
    x, h, v = given[:3]
    relative = relative_vectors(x, how)
    squares = torch.mv(relative * relative, ones(x)).unsqueeze(1)
    scalars = squares if given.e is None else torch.cat([squares, given.e], 1)
    at_receiver, at_sender, at_edge = split_weights(given, scalars)
    w = networks.Networks(at_edge.t(), *given.phi_e[2:], *given.phi_x)
    a, b = F.linear(h, at_receiver, given.phi_e[1]), F.linear(h, at_sender)
    inner = networks.Inputs(a, b, scalars, w)
    total, z, of_edges = networks.forward(inner, how.edges, how.way, how.keep)
    weights = z.tanh_() if how.bound else z
    vectors = relative if given.vectors is None else given.vectors
    update = how.edges.weighted(weights, vectors, x.shape[0]).mul_(how.of_moves)
    if how.of_messages is not None:
        total = total.mul_(how.of_messages)
    second, of_v, of_h = total, _NOTHING, _NOTHING
    if v is not None:
        of_v = rows.forward(h, given.phi_v)
        update.addcmul_(of_v[0], v)
    if given.phi_h[0] is not None:
        joined = torch.cat([h, total], 1)
        second, *of_h = rows.forward(joined, given.phi_h)
        of_h = (joined, *of_h)
        if how.residual:
            second += h
    return update, second, (relative, scalars, a, b, weights, *of_v, *of_h, *of_edges)


_NOTHING: Any = (None, None, None)


def gradients_of(
    given: Inputs,
    how: Settings,
    kept: Sequence[Any],
    g_update: Tensor | None,
    g_second: Tensor | None,
    wants: tuple[bool, bool, bool],
) -> tuple[Tensor | None, ...]:
    """Gradients of all inputs; None for what has none, or is not wanted of x, v and e."""
    if g_update is None and g_second is None:
        return (None,) * COUNT
    x, h, v = given[:3]
    width = h.shape[1]
    relative, scalars, a, b, weights, factor = kept[:6]
    g_h = g_v = g_z = g_vectors = g_e = g_x = None
    of_v: Any = NO_NETWORK
    of_h: Any = NO_NETWORK
    g_total = g_second
    if g_second is not None and given.phi_h[0] is not None:
        joined, u, active = kept[8:11]
        g_joined, of_h = rows.backward(g_second, joined, u, active, given.phi_h)
        g_h, g_total = torch.split_with_sizes(g_joined, [width, width], 1)
        if how.residual:
            g_h = g_h + g_second
    if g_total is not None and how.of_messages is not None:
        g_total = g_total * how.of_messages
    vectors = relative if given.vectors is None else given.vectors
    if g_update is not None:
        if v is not None:
            g_factor = torch.mul(g_update, v).sum(1, keepdim=True)
            g_v = torch.mul(g_update, factor) if wants[1] else None
            u, active = kept[6:8]
            more, of_v = rows.backward(g_factor, h, u, active, given.phi_v)
            g_h = more if g_h is None else g_h.add_(more)
        g_moves = (g_update * how.of_moves).index_select(0, how.edges.receivers)
        g_z = torch.mv(vectors * g_moves, ones(x)).unsqueeze(1)
        if how.bound:
            g_z = torch.addcmul(g_z, g_z, weights.square(), value=-1)
        g_vectors = g_moves.mul_(weights)
    wanted = scalars.shape[1] if given.e is not None and wants[2] else int(wants[0])
    at_receiver, at_sender, at_edge = split_weights(given, scalars)
    w = networks.Networks(at_edge.t(), *given.phi_e[2:], *given.phi_x)
    inner = networks.Inputs(a, b, scalars, w)
    found = networks.backward(inner, how.edges, kept[11:], g_total, g_z, wanted)
    g_h = torch.mm(found.a, at_receiver) if g_h is None else g_h.addmm_(found.a, at_receiver)
    g_h.addmm_(found.b, at_sender)
    g_we, *of_edges = found.networks
    g_w1 = torch.cat([torch.mm(found.a.t(), h), torch.mm(found.b.t(), h), g_we.t()], 1)
    if wanted > 1:
        g_e = found.scalars[:, 1:]
    if wants[0]:
        g_relative = torch.mul(relative, found.scalars[:, :1]).mul_(2)
        if given.vectors is None and g_vectors is not None:
            g_relative += g_vectors
        g_x = how.edges.collect(g_relative, how.edges.sums(x))
        # With alpha=-1 in its place index_add takes ten times as long.
        g_x -= torch.zeros_like(x).index_add_(0, how.edges.senders, g_relative)
    g_vectors = None if given.vectors is None else g_vectors
    return (*(g_x, g_h, g_v, g_e, g_vectors, g_w1, found.a.sum(0), *of_edges, *of_v, *of_h),)

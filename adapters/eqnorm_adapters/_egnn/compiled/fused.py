"""Derivatives of the sums over the edges of an EGNN layer: the kernel's, and higher ones.

Where a gradient is to be differentiated again, it is that of :func:`in_torch`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm_adapters._again import differentiable, in_torch_again, without_autocast
from eqnorm_adapters._egnn.compiled import edge_calls
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges

_INPUTS = len(EdgeInputs._fields)
_NOT_DIFFERENTIATED = (None,) * len(Edges._fields)


def in_torch(given: EdgeInputs, edges: Edges) -> tuple[Tensor, Tensor]:
    """The same sums by plain operations: what the kernel must give, and how it is differentiated.

    Returns:
        Sums of messages, shape (N, C), and of weighted vectors, shape (N, 3).
    """
    h, x, nodes = given.h, given.x, given.h.shape[0]
    senders, receivers = edges.senders, edges.receivers
    if senders is None or receivers is None:
        i = torch.arange(nodes, device=h.device)[:, None]
        j = torch.arange(edges.size - 1, device=h.device)
        senders = torch.where(j < i % edges.size, j, j + 1) + i // edges.size * edges.size
        senders, receivers = senders.flatten(), i.expand(-1, edges.size - 1).flatten()
    relative = x.index_select(0, receivers) - x.index_select(0, senders)
    if edges.shifts is not None:
        relative = relative + edges.shifts
    scalars = relative.square().sum(-1, keepdim=True)
    if given.e is not None:
        scalars = torch.cat([scalars, given.e], dim=-1)
    width = h.shape[1]
    at_receiver, at_sender, at_edge = torch.split(given.w1, [width, width, scalars.shape[1]], dim=1)
    first = F.linear(h, at_receiver, given.b1).index_select(0, receivers)
    first = first + F.linear(h, at_sender).index_select(0, senders) + F.linear(scalars, at_edge)
    messages = F.silu(F.linear(F.silu(first), given.w2, given.b2))
    if given.wa is not None:
        messages = messages * F.linear(messages, given.wa, given.ba).sigmoid()
    weights = F.linear(F.silu(F.linear(messages, given.w3, given.b3)), given.w4)
    if edges.bound:
        weights = weights.tanh()
    vectors = relative if given.vectors is None else given.vectors
    moves = torch.zeros_like(x).index_add(0, receivers, weights * vectors)
    return h.new_zeros(nodes, width).index_add(0, receivers, messages), moves


def gradients_of(ctx: Any, g_messages: Tensor | None, g_moves: Tensor | None, kernel: Any) -> Any:
    """For all arguments; ``kernel``: what gives the first derivatives."""
    saved = ctx.saved_tensors
    given, edges = EdgeInputs(*saved[:-4]), Edges(*saved[-4:-1], *ctx.how)
    if in_torch_again(g_messages, g_moves):
        again = differentiable(
            given,
            lambda views: in_torch(EdgeInputs(*views), edges),  # type: ignore[arg-type]
            (g_messages, g_moves),
        )
        return again + _NOT_DIFFERENTIATED
    wants = ctx.needs_input_grad
    e = given.e is not None and wants[2]
    found = kernel(given, edges, saved[-1], g_messages, g_moves, wants[1], e)
    return (*found, *_NOT_DIFFERENTIATED)


class EdgeSums(torch.autograd.Function):
    """The kernel in one step: (given, edges) to both sums and the first products at nodes."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        given, edges = EdgeInputs(*arguments[:_INPUTS]), Edges(*arguments[_INPUTS:])
        out = edge_calls.forward(given, edges)
        keep(ctx, arguments, out)
        ctx.mark_non_differentiable(out[2])
        return out

    @staticmethod
    @without_autocast
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients_of(ctx, gradients[0], gradients[1], edge_calls.backward)


def keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    """What :func:`gradients_of` needs."""
    ctx.set_materialize_grads(False)
    ctx.how = inputs[-3:]
    ctx.save_for_backward(*inputs[:-3], output[2])

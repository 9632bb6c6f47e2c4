"""Derivatives of a convolution's sums over edges: the kernel's, and higher ones.

Where a gradient is to be differentiated again, it is that of :func:`in_torch`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqnorm_adapters._again import differentiable, in_torch_again, without_autocast
from eqnorm_adapters._conv import calls
from eqnorm_adapters._conv.calls import ConvEdges, ConvInputs

_INPUTS = len(ConvInputs._fields)
_NOT_DIFFERENTIATED = (None,) * len(ConvEdges._fields)


def in_torch(given: ConvInputs, edges: ConvEdges) -> Tensor:
    """The same sums by plain operations: what the kernel must give, and how it is differentiated.

    Returns:
        Shape (N, out_width), in the kernel's order.
    """
    h, y, phi, w = given
    filters = phi @ w
    parts = []
    for row in edges.paths.tolist():
        start, d1, _, d3, first, width, _, odd, begin, end = row
        coupling = h.new_zeros(y.shape[1], d1 * d3)
        b, place = edges.terms[begin:end].unbind(1)
        coupling = coupling.index_put((b, place), edges.values[begin:end])
        matrix = (y @ coupling).view(-1, d1, d3).mT
        sent = h[:, start : start + d1 * width].view(-1, d1, width)
        weight = filters[:, None, first : first + width]
        total = h.new_zeros(h.shape[0], d3, width)
        ways = [(edges.senders, edges.receivers, 1.0)]
        if edges.mirrored:
            ways.append((edges.receivers, edges.senders, -1.0 if odd else 1.0))
        for senders, receivers, sign in ways:
            messages = sign * (matrix @ sent.index_select(0, senders)) * weight
            total = total.index_add(0, receivers, messages)
        parts.append(total.flatten(1))
    return torch.cat(parts, dim=-1)


def gradients_of(ctx: Any, g: Tensor | None, kernel: Any) -> Any:
    """For all arguments; ``kernel``: what gives the first derivatives."""
    saved = ctx.saved_tensors  # once: checkpointing allows no more
    given = ConvInputs(*saved[:_INPUTS])
    edges = ConvEdges(*saved[_INPUTS:], *ctx.how)
    if g is None:
        return (None,) * _INPUTS + _NOT_DIFFERENTIATED
    if in_torch_again(g):
        again = differentiable(
            given,
            lambda views: (in_torch(ConvInputs(*views), edges),),  # type: ignore[arg-type]
            (g,),
        )
        return again + _NOT_DIFFERENTIATED
    return (*kernel(given, edges, g, ctx.needs_input_grad[1]), *_NOT_DIFFERENTIATED)


class ConvSums(torch.autograd.Function):
    """The kernel: (given, edges) to sums."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        given, edges = ConvInputs(*arguments[:_INPUTS]), ConvEdges(*arguments[_INPUTS:])
        keep(ctx, arguments, None)
        return calls.forward(given, edges)

    @staticmethod
    @without_autocast
    def backward(ctx: Any, g: Any) -> Any:
        return gradients_of(ctx, g, calls.backward)


def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor | None) -> None:
    """What :func:`gradients_of` needs."""
    ctx.set_materialize_grads(False)
    ctx.how = inputs[-2:]
    ctx.save_for_backward(*inputs[:-2])

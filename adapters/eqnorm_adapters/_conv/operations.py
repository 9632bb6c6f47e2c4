"""The compiled convolution as operations of torch, and which way to call them.

torch.compile and fake tensors see `eqnorm::conv_sums` like any other operation, whose gradient is a
second one. What runs at once goes through an autograd function that calls the same kernel.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from eqnorm_adapters._conv import calls as conv_native
from eqnorm_adapters._conv.calls import ConvEdges, ConvInputs
from eqnorm_adapters._conv.fused import ConvSums, gradients_of, keep


def convolved(given: ConvInputs, edges: ConvEdges) -> Tensor:
    """Sums of messages in the kernel's order, shape (N, out_width)."""
    if torch.compiler.is_compiling():
        sums: Tensor = conv_sums(*given, *edges)
        return sums
    out: Tensor = ConvSums.apply(*given, *edges)  # type: ignore[no-untyped-call]
    return out


_ARGUMENTS = (
    "Tensor h, Tensor y, Tensor phi, Tensor w, Tensor senders, Tensor receivers, Tensor paths, "
    "Tensor terms, Tensor values, SymInt out_width, bool mirrored"
)
_INPUTS = len(ConvInputs._fields)
_operation = functools.partial(torch.library.custom_op, mutates_args=(), device_types="cpu")


@_operation("eqnorm::conv_sums", schema=f"({_ARGUMENTS}) -> Tensor")
def conv_sums(*arguments: Any) -> Tensor:
    """The sums."""
    return conv_native.forward(ConvInputs(*arguments[:_INPUTS]), ConvEdges(*arguments[_INPUTS:]))


@conv_sums.register_fake
def _(h: Tensor, *others: Any) -> Tensor:
    return h.new_empty(h.shape[0], others[-2])


@_operation(
    "eqnorm::conv_sums_backward", schema=f"({_ARGUMENTS}, Tensor g, bool wants_y) -> Tensor[]"
)
def conv_sums_backward(*arguments: Any) -> list[Tensor]:
    """Gradients of h, phi and w, and of y last where it is wanted."""
    *given, g, wants_y = arguments
    inputs, edges = ConvInputs(*given[:_INPUTS]), ConvEdges(*given[_INPUTS:])
    g_h, g_y, g_phi, g_w = conv_native.backward(inputs, edges, g, wants_y)
    return [g_h, g_phi, g_w] if g_y is None else [g_h, g_phi, g_w, g_y]


@conv_sums_backward.register_fake
def _(h: Tensor, y: Tensor, phi: Tensor, w: Tensor, *others: Any) -> list[Tensor]:
    wanted = (h, phi, w, y) if others[-1] else (h, phi, w)
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in wanted]


def _by_operation(
    given: ConvInputs, edges: ConvEdges, g: Tensor, wants_y: bool
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    found = conv_sums_backward(*given, *edges, g, wants_y)
    return found[0], found[3] if wants_y else None, found[1], found[2]


def _gradients(ctx: Any, g: Tensor | None) -> Any:
    return gradients_of(ctx, g, _by_operation)


conv_sums.register_autograd(_gradients, setup_context=keep)

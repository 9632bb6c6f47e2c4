"""Squared lengths of copies, and copies scaled by one number each, with gradients of a few passes.

Torch's own gradients of the parts of these are a scatter into copies, and for each component a
tensor of zeros that is filled and added. Both functions' gradients are made of both functions, and
so can be differentiated again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from eqnorm.functional._compiled import batched, is_eager

if TYPE_CHECKING:
    from eqnorm.functional._irreps.layout import Layout


def dot_copies(x: Tensor, y: Tensor, layout: Layout) -> Tensor:
    """Scalar product of every copy in x with that in y: (N, D), (N, D) -> (N, K)."""
    if is_eager() and not batched(x, y):
        out: Tensor = _DotCopies.apply(x, y, layout)  # type: ignore[no-untyped-call]
        return out
    return layout.sum_copies(x * y)


def scale_copies(x: Tensor, scale: Tensor, layout: Layout) -> Tensor:
    """Every copy in x times its number: (N, D), (N, K) -> (N, D)."""
    if is_eager() and not batched(x, scale):
        out: Tensor = _ScaleCopies.apply(x, scale, layout)  # type: ignore[no-untyped-call]
        return out
    return x * layout.to_columns(scale)


class _DotCopies(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, layout: Layout) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.layout, ctx.same = layout, x is y
        return layout.sum_copies(x * y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, y = ctx.saved_tensors
        if ctx.same:  # both gradients at once
            return scale_copies(x, 2 * g, ctx.layout), None, None
        wants_x, wants_y, _ = ctx.needs_input_grad
        return (
            scale_copies(y, g, ctx.layout) if wants_x else None,
            scale_copies(x, g, ctx.layout) if wants_y else None,
            None,
        )


class _ScaleCopies(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, layout: Layout) -> Tensor:
        ctx.save_for_backward(x, scale)
        ctx.layout = layout
        return layout.to_columns(scale).mul_(x) if scale.shape[-1] < x.shape[-1] else x * scale

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, scale = ctx.saved_tensors
        wants_x, wants_scale, _ = ctx.needs_input_grad
        return (
            scale_copies(g, scale, ctx.layout) if wants_x else None,
            dot_copies(g, x, ctx.layout) if wants_scale else None,
            None,
        )

"""Column norms in torch where all rows belong to one graph: batch norm, most of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from eqnorm.functional._irreps.columns import Columns


def forward(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`eqnorm.functional._irreps.columns.column_norm`."""
    layout = how.layout
    # torch's own one-pass statistics of columns; no other reduction is as fast.
    mean_all, square = torch.batch_norm_update_stats(x, None, None, 0.0)
    mean = layout.scalars(mean_all)
    left = mean_all.square()
    if layout.num_scalars:
        own = layout.scalars(left)
        layout.set_scalars_(
            left, torch.zeros_like(own) if shift is None else own * (1 - shift) ** 2
        )
    var = layout.sum_copies(square.add_(left))
    if how.per_component:
        var = var / layout.dims
    scale = layout.to_columns((var + how.eps).rsqrt() * weight)
    y = x * scale
    if layout.num_scalars:
        # From x - m, not from scaled x and m, which cancel where the variance is small.
        own = layout.scalars(x) - (mean if shift is None else mean * shift)
        layout.set_scalars_(y, own.mul_(layout.scalars(scale)).add_(bias))
    return y, mean[None], var[None]


def backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    shift: Tensor | None,
    mean: Tensor,
    var: Tensor,
    how: Columns,
) -> tuple[Tensor | None, ...]:
    """Gradients of x, weight, bias and shift."""
    layout, count = how.layout, x.shape[0]
    mean, r = mean[0], (var[0] + how.eps).rsqrt()
    ones = torch.ones(layout.dim, dtype=x.dtype, device=x.device)
    centre = torch.zeros_like(ones)
    layout.set_scalars_(centre, mean)
    # Sums over the nodes of g (x - m) and of g; no gradient of x.
    _, sum_gx, sum_all = torch.ops.aten.native_batch_norm_backward(
        g, x, ones, None, None, centre, ones, True, 0.0, [False, True, True]
    )
    sum_g = layout.scalars(sum_all)
    if shift is not None and layout.num_scalars:
        sum_gx = sum_gx.index_add(0, layout.scalar_columns, (1 - shift) * mean * sum_g)
    scaled = r * weight
    grad_weight = layout.sum_copies(sum_gx) * r
    steep = grad_weight * scaled * r / -count
    if how.per_component:
        steep = steep / layout.dims
    scale, slope = layout.to_columns(scaled), layout.to_columns(steep)
    grad_x = x * slope
    grad_shift = None
    if layout.num_scalars:
        own_slope = layout.scalars(slope)
        pull = layout.scalars(scale) * sum_g
        level = pull / -count
        if shift is not None:
            rest = (1 - shift) * mean * own_slope
            level = level * shift + (1 - shift) * rest
            grad_shift = -mean * (pull + count * rest)
        own = layout.scalars(x) - mean
        layout.set_scalars_(grad_x, own.mul_(own_slope).add_(level))
    elif shift is not None:
        grad_shift = torch.zeros_like(shift)
    return grad_x.addcmul_(g, scale), grad_weight, sum_g, grad_shift

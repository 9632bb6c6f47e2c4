"""Column norms and their gradients in torch, in closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm.functional._irreps import columns_single

if TYPE_CHECKING:
    from eqnorm.functional._irreps.columns import Columns


def is_single(x: Tensor, how: Columns) -> bool:
    """Whether all rows are real nodes of one graph, which torch's own statistics can take."""
    graph = how.graph
    return graph.num_graphs == 1 and graph.mask is None and x.device.type in ("cpu", "cuda")


def forward(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    layout, graph = how.layout, how.graph
    if is_single(x, how):
        return columns_single.forward(x, weight, bias, shift, how)
    scalars = layout.scalars(x)
    mean = graph.mean(scalars)
    square = graph.mean(x.square())
    if layout.num_scalars:
        moved = scalars - graph.spread(mean if shift is None else mean * shift)
        square = square.index_copy(1, layout.scalar_columns, graph.mean(moved.square()))
    var = layout.sum_copies(square)
    if how.per_component:
        var = var / layout.dims
    scale = layout.to_columns((var + how.eps).rsqrt() * weight)
    y = x * graph.spread(scale)
    if layout.num_scalars:
        # From x - m, not from scaled x and m, which cancel where the variance is small.
        centre = mean if shift is None else mean * shift
        own = (layout.scalars(x) - graph.spread(centre)) * graph.spread(layout.scalars(scale))
        layout.set_scalars_(y, own.add_(bias))
    return y, mean, var


def backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    shift: Tensor | None,
    mean: Tensor,
    var: Tensor,
    how: Columns,
) -> tuple[Tensor | None, ...]:
    layout, graph = how.layout, how.graph
    g = g.contiguous()
    if is_single(x, how):
        return columns_single.backward(g, x, weight, shift, mean, var, how)
    everyone = graph if graph.mask is None else replace(graph, mask=None)
    own = layout.scalars(g)
    sum_g = everyone.sum(own)
    sum_gx = everyone.sum(g * x)
    if layout.num_scalars:
        centred = own * (layout.scalars(x) - graph.spread(mean))
        sum_gx = sum_gx.index_copy(1, layout.scalar_columns, everyone.sum(centred))
    r = (var + how.eps).rsqrt()
    scale = layout.to_columns(r * weight)
    counts = graph.counts.clamp(min=1).to(x.dtype)[:, None]
    left = torch.zeros_like(mean[0]) if shift is None else 1 - shift
    grad_scale = sum_gx
    if layout.num_scalars and shift is not None:
        grad_scale = sum_gx.index_add(1, layout.scalar_columns, left * mean * sum_g)
    per_copy = layout.sum_copies(grad_scale)
    steep = per_copy * r
    grad_weight = steep.sum(0)
    # In this order: of large features, the cube of r is zero in float32.
    grad_var = steep * weight * r * r * -0.5
    if how.per_component:
        grad_var = grad_var / layout.dims
    slope = layout.to_columns(2 * grad_var / counts)
    own_slope = layout.scalars(slope)
    pull = scale.index_select(1, layout.scalar_columns) * sum_g
    level = left.square() * mean * own_slope - (1 - left) * pull / counts
    grad_shift = None
    if shift is not None:
        grad_shift = (-mean * pull - own_slope * counts * left * mean.square()).sum(0)
    grad_x = _spread_gradient(g, x, mean, scale, slope, level, how)
    return grad_x, grad_weight, sum_g.sum(0), grad_shift


def _spread_gradient(
    g: Tensor, x: Tensor, mean: Tensor, scale: Tensor, slope: Tensor, level: Tensor, how: Columns
) -> Tensor:
    """G scale + (x - m) slope + level: m and level for even scalars, the last two at real nodes."""
    layout, graph = how.layout, how.graph
    out = x * graph.spread(slope)
    if layout.num_scalars:
        own = layout.scalars(x) - graph.spread(mean)
        own = own.mul_(graph.spread(layout.scalars(slope))).add_(graph.spread(level))
        layout.set_scalars_(out, own)
    if graph.mask is not None:
        out.masked_fill_(~graph.mask[:, None], 0.0)
    return out.addcmul_(g, graph.spread(scale))

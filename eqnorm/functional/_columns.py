"""Statistics of columns over the nodes of a graph or batch: batch, instance and graph norms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._layout import Layout
from eqnorm.graph import Graph


class Columns(NamedTuple):
    """What stays fixed of a column norm.

    Attributes:
        layout: of the features.
        graph: whose nodes are taken together.
        per_component: mean square of the components of a copy, not of its length.
        eps: added to the variance.
    """

    layout: Layout
    graph: Graph
    per_component: bool
    eps: float


def whole_batch(graph: Graph) -> Graph:
    """All nodes of a batch as the nodes of one graph."""
    if graph.num_graphs == 1:
        return graph
    # A single uniform graph reduces without reading `batch`.
    counts = graph.counts.sum().view(1)
    return Graph(graph.batch, counts, True, None, None, graph.degrees, graph.mask)


def column_norm(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Y = (x - a m) w / sqrt(v + eps) + b, per copy of an irrep, over the nodes of each graph.

    m is the mean of an even scalar and zero for all else; v the mean over nodes of
    \\|x - a m\\|^2, divided by 2l+1 with ``how.per_component``.

    Args:
        x: features, shape (N, D).
        weight: w, shape (K,).
        bias: b, shape (K0,).
        shift: a, shape (K0,), or None for ones.
        how: layout, graph and eps.

    Returns:
        y (N, D), m (B, K0) and v (B, K); m and v carry no gradient.
    """
    if not _compiled.is_eager():
        return plain(x, weight, bias, shift, how)
    apply: Callable[..., tuple[Tensor, Tensor, Tensor]] = _ColumnNorm.apply
    return apply(x, weight, bias, shift, how)


def plain(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`column_norm` as torch operations, for tracing, transforms and second derivatives."""
    layout, graph = how.layout, how.graph
    scalars = layout.scalars(x)
    mean = graph.mean(scalars)
    moved = graph.spread(mean if shift is None else mean * shift)
    z = layout.add_to_scalars(x, -moved) if layout.num_scalars else x
    var = layout.sum_copies(graph.mean(z.square()))
    if how.per_component:
        var = var / layout.dims
    scale = layout.to_columns((var + how.eps).rsqrt() * weight)
    y = layout.add_to_scalars(z * graph.spread(scale), bias)
    return y, mean.detach(), var.detach()


class _ColumnNorm(torch.autograd.Function):
    """Column norm with its backward in closed form."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
    ) -> tuple[Tensor, Tensor, Tensor]:
        kernels = _compiled.kernels_for(x)
        if kernels is not None:
            y, mean, var = kernels.column_forward(x, weight, bias, shift, how)
        else:
            y, mean, var = _forward(x, weight, bias, shift, how)
        ctx.save_for_backward(x, weight, bias, shift, mean, var)
        ctx.how = how
        ctx.mark_non_differentiable(mean, var)
        ctx.set_materialize_grads(False)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        g = grads[0]
        if g is None:
            return (None,) * 5
        x, weight, bias, shift, mean, var = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: the gradient is itself differentiated
            y = plain(x, weight, bias, shift, ctx.how)[0]
            return (*_compiled.gradients(y, (x, weight, bias, shift), g), None)
        kernels = _compiled.kernels_for(x)
        back = _backward if kernels is None else kernels.column_backward
        return (*back(g, x, weight, shift, mean, var, ctx.how), None)


def _forward(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    layout, graph = how.layout, how.graph
    alone = graph.num_graphs == 1 and graph.mask is None
    if alone and x.device.type in ("cpu", "cuda"):
        # torch's own one-pass statistics of columns; no other reduction is as fast.
        mean_all, var_all = torch.batch_norm_update_stats(x, None, None, 0.0)
        mean = layout.scalars(mean_all)[None]
        offset = mean_all.square()
        if layout.num_scalars:
            left = 0.0 if shift is None else (1 - shift).square()
            own = layout.scalars(offset) * left
            offset = offset.index_copy(0, layout.scalar_columns, own)
        square = (var_all + offset)[None]
    else:
        scalars = layout.scalars(x)
        mean = graph.mean(scalars)
        square = graph.mean(x.square())
        if layout.num_scalars:
            moved = scalars - graph.spread(mean if shift is None else mean * shift)
            square = square.index_copy(1, layout.scalar_columns, graph.mean(moved.square()))
    var = layout.sum_copies(square[0])[None] if alone else layout.sum_copies(square)
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


def _backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    shift: Tensor | None,
    mean: Tensor,
    var: Tensor,
    how: Columns,
) -> tuple[Tensor | None, ...]:
    layout, graph = how.layout, how.graph
    everyone = graph if graph.mask is None else replace(graph, mask=None)
    g = g.contiguous()
    if graph.num_graphs == 1 and x.device.type in ("cpu", "cuda"):
        sum_g, sum_gx = _column_sums(g, x, mean, layout)
    else:
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
    if graph.num_graphs == 1:
        per_copy = layout.sum_copies(grad_scale[0])[None]
    else:
        per_copy = layout.sum_copies(grad_scale)
    grad_weight = (per_copy * r).sum(0)
    grad_var = per_copy * weight * r.pow(3) * -0.5
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


def _column_sums(g: Tensor, x: Tensor, mean: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Sums over all nodes of g, for even scalars, and of g (x - m)."""
    centre = mean.new_zeros(layout.dim).index_copy(0, layout.scalar_columns, mean[0])
    ones = torch.ones_like(centre)
    _, sum_gx, sum_g = torch.ops.aten.native_batch_norm_backward(
        g, x, ones, None, None, centre, ones, True, 0.0, [False, True, True]
    )
    return layout.scalars(sum_g)[None], sum_gx[None]


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

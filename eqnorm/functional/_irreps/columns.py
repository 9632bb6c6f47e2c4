"""Statistics of columns over the nodes of a graph or batch: batch, instance and graph norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._irreps import columns_torch
from eqnorm.functional._irreps.layout import Layout
from eqnorm.functional._irreps.ranks import RanksGraph
from eqnorm.graph import Graph


class Columns(NamedTuple):
    """What stays fixed of a column norm.

    Attributes:
        layout: of the features.
        graph: whose nodes are taken together.
        per_component: mean square of the components of a copy, not of its length.
        eps: added to the variance.
        ranks: the nodes of all processes, taken together in place of those of ``graph``.
    """

    layout: Layout
    graph: Graph
    per_component: bool
    eps: float
    ranks: RanksGraph | None = None


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
    if how.ranks is not None or not _compiled.is_eager():
        return plain(x, weight, bias, shift, how)
    apply: Callable[..., tuple[Tensor, Tensor, Tensor]] = _ColumnNorm.apply
    return apply(x, weight, bias, shift, how)


def plain(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`column_norm` as torch operations.

    For tracing, transforms, second derivatives and several processes.
    """
    layout, graph = how.layout, how.ranks or how.graph
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
            y, mean, var = columns_torch.forward(x, weight, bias, shift, how)
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
        inputs = (x, weight, bias, shift)
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(g):
            again = _compiled.gradients(lambda x, w, b, s: plain(x, w, b, s, ctx.how)[0], inputs, g)
            return (*again, None)
        kernels = _compiled.kernels_for(x)
        back = columns_torch.backward if kernels is None else kernels.column_backward
        return (*back(g, x, weight, shift, mean, var, ctx.how), None)

"""Norms that rescale every copy of an irrep by a function of its own length, in torch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm.functional._irreps.copies_columns import dot_copies, scale_copies
from eqnorm.functional._irreps.layout import Layout
from eqnorm.functional._irreps.ranks import RanksGraph
from eqnorm.graph import Graph

Activation = Literal["softplus", "relu", "identity"]


def norms_of_copies(x: Tensor, layout: Layout, eps: float) -> Tensor:
    r"""Length of every copy of an irrep, sqrt(\\|x\\|^2 + eps^2): (N, D) -> (N, K).

    The gradient is at most 1, where that of the exact length does not exist at zero.
    """
    return (dot_copies(x, x, layout) + eps * eps).sqrt()


def activate(z: Tensor, activation: Activation) -> Tensor:
    """Softplus, relu or identity."""
    if activation == "softplus":
        return F.softplus(z)
    return z.relu() if activation == "relu" else z


def norm_layer_norm(
    x: Tensor,
    layout: Layout,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    length_eps: float,
    activation: Activation,
) -> Tensor:
    """See :func:`eqnorm.functional._irreps.copies.norm_layer_norm`."""
    length = norms_of_copies(x, layout, length_eps)
    value = layout.with_scalars(layout.scalars(x), length)
    centred, scale = [], []
    stats: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
    for block in layout.blocks:
        if block.irrep not in stats:
            own = layout.of_irrep(value, block.irrep)
            mean = own.mean(1, keepdim=True)
            var = (own - mean).square().mean(1, keepdim=True)
            stats[block.irrep] = (mean, (var + eps).rsqrt())
        mean, r = stats[block.irrep]
        centred.append(value[:, block.copy : block.copy + block.mul] - mean)
        scale.append(r.expand(-1, block.mul))
    z = torch.cat(centred, 1) * torch.cat(scale, 1) * weight + bias
    return _rescale(x, layout, length, z, activation)


def vn_batch_norm(
    x: Tensor,
    layout: Layout,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    length_eps: float,
    graph: Graph | RanksGraph,
    running: tuple[Tensor, Tensor] | None,
    activation: Activation,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`eqnorm.functional._irreps.copies.vn_batch_norm`."""
    # Twice: inside the root for the gradient, outside as in the source.
    length = norms_of_copies(x, layout, length_eps) + length_eps
    value = layout.with_scalars(layout.scalars(x), length)
    if running is None:
        mean = graph.mean(value)[0]
        var = graph.mean((value - mean).square())[0]
    else:
        mean, var = running
    z = (value - mean) * ((var + eps).rsqrt() * weight) + bias
    return _rescale(x, layout, length, z, activation), mean.detach(), var.detach()


def _rescale(
    x: Tensor, layout: Layout, length: Tensor, z: Tensor, activation: Activation
) -> Tensor:
    """X f(z)/length, and z itself for even scalars."""
    y = scale_copies(x, activate(z, activation) / length, layout)
    return layout.with_scalars(layout.scalars_of_copies(z), y)


def geo_norm(
    x: Tensor,
    layout: Layout,
    weight: Tensor,
    bias: Tensor,
    drift: Tensor | None,
    eps: float,
    graph: Graph,
) -> Tensor:
    """See :func:`eqnorm.functional._irreps.copies.geo_norm`."""
    mean = graph.mean(x)
    z = x - graph.spread(torch.where(layout.odd_scalar_columns, 0.0, mean))
    square = dot_copies(z, z, layout) / layout.dims
    own = (square + eps).rsqrt()
    shared = graph.spread((graph.mean(square) + eps).rsqrt())
    y = scale_copies(z, torch.where(layout.dims > 1, own, shared) * weight, layout)
    if drift is not None:
        level = (dot_copies(mean, mean, layout) / layout.dims + eps).rsqrt()
        whole = drift.new_zeros(layout.num_copies).index_copy(0, layout.higher_copies, drift)
        y = y + graph.spread(scale_copies(mean, level * whole, layout))
    return layout.add_to_scalars(y, bias)

"""Norms that rescale every copy of an irrep by a function of its own length.

Torch operations, or where these can be used the compiled kernels.
"""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional._irreps import copies_fused as fused
from eqnorm.functional._irreps import copies_plain as plain
from eqnorm.functional._irreps.copies_plain import Activation, norms_of_copies
from eqnorm.functional._irreps.layout import Layout
from eqnorm.functional._irreps.ranks import RanksGraph
from eqnorm.graph import Graph

__all__ = ["Activation", "geo_norm", "norm_layer_norm", "norms_of_copies", "vn_batch_norm"]


def norm_layer_norm(
    x: Tensor,
    layout: Layout,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    length_eps: float,
    activation: Activation = "softplus",
) -> Tensor:
    r"""Y = x/n f(LN(n)), with n the lengths of a node's copies and LN over those of one irrep.

    Even scalars stand for themselves and keep their sign: there y = LN(x).

    Args:
        x: features, shape (N, D).
        layout: of the features.
        weight: of the LayerNorms, shape (K,).
        bias: of the LayerNorms, shape (K,).
        eps: of the LayerNorms, added to the variance.
        length_eps: in the unit of x, below which a length is not resolved.
        activation: f.
    """
    if fused.usable(x):
        how = fused.NormLayer(layout, eps, length_eps, activation)
        return fused.run(how, x, weight, bias)[0]
    return plain.norm_layer_norm(x, layout, weight, bias, eps, length_eps, activation)


def vn_batch_norm(
    x: Tensor,
    layout: Layout,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    length_eps: float,
    graph: Graph | RanksGraph,
    running: tuple[Tensor, Tensor] | None = None,
    activation: Activation = "identity",
) -> tuple[Tensor, Tensor, Tensor]:
    """Y = x/n f(BN(n)), with n the lengths of the copies and BN over the nodes, copy by copy.

    Even scalars stand for themselves and keep their sign: there y = BN(x).

    Args:
        x: features, shape (N, D).
        layout: of the features.
        weight: of the batch norm, shape (K,).
        bias: of the batch norm, shape (K,).
        eps: added to the variance.
        length_eps: in the unit of x, below which a length is not resolved.
        graph: one graph, whose real nodes are the batch; or those of all processes.
        running: mean and variance to use, each (K,); None for those of the batch.
        activation: f.

    Returns:
        y (N, D), and mean and variance, each (K,), without gradient.
    """
    if isinstance(graph, Graph) and graph.num_graphs == 1 and fused.usable(x):
        # Copies: they may have moved on when gradients are taken, and be differentiated again.
        kept = None if running is None else (running[0].clone(), running[1].clone())
        how = fused.VNBatch(layout, eps, length_eps, graph, kept, activation)
        y, mean, var = fused.run(how, x, weight, bias)
        return y, mean, var
    rest = (eps, length_eps, graph, running, activation)
    return plain.vn_batch_norm(x, layout, weight, bias, *rest)


def geo_norm(
    x: Tensor,
    layout: Layout,
    weight: Tensor,
    bias: Tensor,
    drift: Tensor | None,
    eps: float,
    graph: Graph,
) -> Tensor:
    r"""Every copy of l > 0 on a sphere about its mean over the graph; scalars as instance norm.

    y = w u(x - m) + d u(m) for l > 0, u(z) = z / sqrt(\\|z\\|^2/(2l+1) + eps) and m the mean over
    the nodes of a graph; y = w (x - m) / sqrt(v + eps) + b for 0e, and w x / sqrt(v + eps) for
    0o, v the mean square over the nodes.

    Args:
        x: features, shape (N, D).
        layout: of the features.
        weight: w, shape (K,).
        bias: b, shape (K0,).
        drift: d, for the copies of l > 0, in their order; None for zeros.
        eps: in units of the mean square of a component.
        graph: graphs of the nodes.
    """
    if fused.usable(x):
        return fused.run(fused.Geo(layout, eps, graph), x, weight, bias, drift)[0]
    return plain.geo_norm(x, layout, weight, bias, drift, eps, graph)

"""Norms of irreps features: any multiplicities, degrees and parities, in any order.

All take features x (N, D) and a :class:`Layout`; D columns, K copies of irreps, K0 even scalars
(0e), the only ones that are centred or given a bias: odd scalars (0o) change sign under
reflections, as l > 0 changes under rotations.

Most are one of two kernels: :func:`row_norm`, with statistics of a node's own features, and
:func:`column_norm`, with statistics over the nodes of a graph or batch. Both have a backward in
closed form, once in torch and once compiled by numba (:func:`use_compiled`).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from eqnorm.functional._compiled import compiled_available, use_compiled
from eqnorm.functional._irreps.blocks import Block, Order
from eqnorm.functional._irreps.columns import Columns, column_norm, whole_batch
from eqnorm.functional._irreps.copies import (
    Activation,
    geo_norm,
    norm_layer_norm,
    norms_of_copies,
    vn_batch_norm,
)
from eqnorm.functional._irreps.layout import Layout
from eqnorm.functional._irreps.ranks import RanksGraph, graph_of_ranks
from eqnorm.functional._irreps.rows import Rows, row_norm

__all__ = [
    "Activation",
    "Block",
    "Columns",
    "Layout",
    "Normalization",
    "Order",
    "RanksGraph",
    "Rows",
    "column_norm",
    "compiled_available",
    "degree_balanced_rows",
    "fixed_norm",
    "geo_norm",
    "graph_of_ranks",
    "gvp_rows",
    "layer_rows",
    "norm_layer_norm",
    "norms_of_copies",
    "rms_rows",
    "row_norm",
    "separable_rows",
    "use_compiled",
    "vn_batch_norm",
    "whole_batch",
]

Normalization = Literal["component", "norm"]


def layer_rows(
    layout: Layout,
    eps: float,
    normalization: Normalization = "component",
    other_eps: float | None = None,
) -> Rows:
    """A statistic for every kind of irrep, by degree and parity; even scalars centred.

    ``other_eps``: in place of ``eps``, for all but the even scalars.
    """
    counts = layout.irrep_counts()
    kinds = list(counts)
    groups = [kinds.index(block.irrep) for block in layout.blocks]
    divisors = [
        counts[b.irrep] * (b.dim if normalization == "component" else 1) for b in layout.blocks
    ]
    other_eps = eps if other_eps is None else other_eps
    return Rows(
        layout, groups, divisors, True, [eps if kind == (0, 1) else other_eps for kind in kinds]
    )


def rms_rows(layout: Layout, eps: float) -> Rows:
    """One statistic, the mean square of all D numbers; nothing centred."""
    return Rows(layout, [0] * len(layout.blocks), [layout.dim] * len(layout.blocks), False, eps)


def degree_balanced_rows(layout: Layout, eps: float, centred: bool = True) -> Rows:
    """One statistic, in which every kind of irrep counts the same; even scalars centred."""
    counts = layout.irrep_counts()
    divisors = [len(counts) * counts[block.irrep] * block.dim for block in layout.blocks]
    return Rows(layout, [0] * len(layout.blocks), divisors, centred, eps)


def separable_rows(layout: Layout, eps: float) -> Rows:
    """Two statistics: of the even scalars, centred, and of all else, balanced over its kinds."""
    counts = layout.irrep_counts()
    kinds = sum(1 for irrep in counts if irrep != (0, 1))
    both = layout.num_scalars > 0
    groups = [0 if block.scalar else int(both) for block in layout.blocks]
    divisors = [counts[b.irrep] * b.dim * (1 if b.scalar else kinds) for b in layout.blocks]
    return Rows(layout, groups, divisors, True, eps)


def gvp_rows(layout: Layout, eps: float, vector_eps: float) -> Rows:
    r"""A statistic for every kind of irrep: the variance of 0e, else the mean of \\|x\\|^2."""
    return layer_rows(layout, eps, "norm", other_eps=vector_eps)


def fixed_norm(
    x: Tensor, layout: Layout, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    """Y = (x - m) w / sqrt(v + eps) + b with given m (K0,) and v (K,): running statistics."""
    scale = (var + eps).rsqrt() * weight
    offset = bias - mean * scale.index_select(0, layout.scalar_copies)
    return layout.add_to_scalars(x * layout.to_columns(scale), offset)

"""Hands tensors to the compiled kernels of GeoNorm; imported only where numba is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._irreps.launch import NO_MASK, array
from eqnorm.functional._irreps.launch_copies import rows_of_tile
from eqnorm.functional._kernels import geo, geo_backward
from eqnorm.functional._kernels.geo_inner import find_starts

if TYPE_CHECKING:
    from eqnorm.functional._irreps.copies_fused import Geo
    from eqnorm.graph import Graph


def _starts(graph: Graph) -> tuple[Any, Tensor | None]:
    """Where the rows of each graph start, and the order that makes them neighbours, if needed."""
    graphs, n = graph.num_graphs, graph.num_nodes
    if graph.uniform:
        return np.arange(graphs + 1) * (n // graphs), None
    starts = np.empty(graphs + 1, np.int64)
    if find_starts(array(graph.batch), starts):
        return starts, None
    order = graph.batch.argsort(stable=True)
    find_starts(array(graph.batch.index_select(0, order)), starts)
    return starts, order


def _geo_arguments(
    how: Geo, order: Tensor | None, starts: Any, weight: Tensor, drift: Tensor | None
) -> tuple[Any, ...]:
    layout, mask = how.layout, how.graph.mask
    if mask is not None and order is not None:
        mask = mask.index_select(0, order)
    if drift is None:
        drift = weight.new_zeros(layout.higher_copies.shape[0])
    return (
        starts,
        NO_MASK if mask is None else array(mask),
        rows_of_tile(layout),
        layout.parities_table,
        layout.order == "ir_mul",
        layout.copy_of_column.numpy(),
        how.eps,
        array(weight),
        array(drift),
    )


def _sorted(x: Tensor, order: Tensor | None) -> Tensor:
    return x if order is None else x.index_select(0, order)


def _unsorted(x: Tensor, order: Tensor | None) -> Tensor:
    return x if order is None else torch.empty_like(x).index_copy_(0, order, x)


def geo_norm_forward(
    x: Tensor, weight: Tensor, bias: Tensor, drift: Tensor | None, how: Geo
) -> tuple[Tensor, Tensor, Tensor]:
    """Y, and centre and inverse deviation of every graph, (B, D) both."""
    starts, order = _starts(how.graph)
    x = _sorted(x, order)
    y = torch.empty_like(x)
    centre = x.new_empty(how.graph.num_graphs, x.shape[1])
    inverse = torch.empty_like(centre)
    rest = _geo_arguments(how, order, starts, weight, drift)
    more = [array(t) for t in (bias, y, centre, inverse)]
    geo.forward(*(array(x), *rest, *more))
    return _unsorted(y, order), centre, inverse


def geo_norm_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    drift: Tensor | None,
    centre: Tensor,
    inverse: Tensor,
    how: Geo,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Gradients of x, weight, bias and drift."""
    starts, order = _starts(how.graph)
    g, x = _sorted(g, order), _sorted(x, order)
    dx, dw, db = torch.empty_like(x), torch.zeros_like(weight), torch.zeros_like(bias)
    dd = weight.new_zeros(how.layout.higher_copies.shape[0])
    rest = _geo_arguments(how, order, starts, weight, drift)
    more = [array(t) for t in (centre, inverse, dx, dw, db, dd)]
    geo_backward.backward(*(array(g), array(x), *rest, *more))
    return _unsorted(dx, order), dw, db, None if drift is None else dd

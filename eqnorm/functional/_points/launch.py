"""Hands points to the compiled loops; imported only where numba is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._kernels import points_entry
from eqnorm.functional._points.recipe import OF_X, WIDTH, X
from eqnorm.graph import Graph

if TYPE_CHECKING:
    from eqnorm.functional._points.fused import Formula

Given = tuple[Tensor | None, ...]
_LIKE = {torch.float32: np.empty(0, np.float32), torch.float64: np.empty(0, np.float64)}


def _table(
    inputs: Given, graph: Graph, formula: Formula, around_one: int, *more: Tensor | None
) -> list[int]:
    """Sizes and addresses, in the order of :mod:`eqnorm.functional._points.recipe`."""
    x, _, _, gain, coefficients, _, h, weight = inputs[:8]
    assert x is not None
    rows, columns = (0, 0) if coefficients is None else coefficients.shape
    gains, width, features, filmed = 0, 0, 0, 0
    if gain is not None:
        gains, width = gain.shape
    if h is not None and weight is not None:
        columns, features = weight.shape
        filmed = 1 if formula.made.filmed == "gain" else 2
    tensors = (*inputs, graph.batch, graph.mask, graph.counts, *more)
    return [
        *(x.shape[0], graph.counts.shape[0], gains, width, rows, columns),
        *(features, filmed, around_one),
        *(0 if t is None else t.data_ptr() for t in tensors),
    ]


def forward(
    inputs: Given, graph: Graph, formula: Formula, around_one: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Points of the output (N, 3); what is known of graphs, then of predicted coefficients."""
    x, weight = inputs[0], inputs[7]
    assert x is not None
    y = torch.empty_like(x)
    size = graph.counts.shape[0] * WIDTH
    if weight is not None:
        size += x.shape[0] * (2 * weight.shape[0] + 2)
    kept = torch.empty(size, dtype=torch.float64)
    table = _table(inputs, graph, formula, around_one, kept, y)
    how, limits = formula.how, formula.limits[x.dtype]
    points_entry.forward(np.array(table, np.int64), how, limits, eps, _LIKE[x.dtype])
    return y, kept


def backward(
    g: Tensor,
    inputs: Given,
    kept: Tensor,
    wanted: tuple[bool, ...],
    graph: Graph,
    formula: Formula,
    around_one: int,
) -> list[Tensor | None]:
    """Gradients of the inputs, in their order; None for what is not there or not wanted."""
    found = [
        None if t is None or not (wants or needed) else torch.empty_like(t)
        for t, wants, needed in zip(inputs, wanted, _ALWAYS, strict=True)
    ]
    g = g.contiguous()  # named: of a copy that nothing holds, the loops would read freed memory
    table = _table(inputs, graph, formula, around_one, kept, g, *found)
    how, limits = formula.how, formula.limits[g.dtype]
    points_entry.backward(np.array(table, np.int64), how, limits, _LIKE[g.dtype])
    return found


# The loops leave out gradients of x0, v and h alone.
_ALWAYS = (True, False, False, *(True,) * 3, False, *(True,) * 6)
assert len(_ALWAYS) == OF_X - X - 5  # three of the graph, what is kept, and the output

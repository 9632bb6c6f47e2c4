"""Hands points to the compiled loops; imported only where numba is installed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._kernels import points_entry
from eqnorm.functional._points.call import Given, How
from eqnorm.functional._points.recipe import OF_X, WIDTH, X

_LIKE = {torch.float32: np.empty(0, np.float32), torch.float64: np.empty(0, np.float64)}


def table(nodes: int, inputs: Given, how: How, kept: int, *more: Tensor | None) -> list[int]:
    """Sizes and addresses, in the order of :mod:`eqnorm.functional._points.recipe`.

    Args:
        nodes: N.
        inputs: contiguous, as in :class:`eqnorm.functional._points.call.Call`; what will get its
            address from elsewhere may be None.
        how: as there.
        kept: address of :func:`kept_size` float64 numbers.
        more: the output or its gradient, then gradients of the inputs.
    """
    _, _, _, gain, coefficients, _, _, weight = inputs[:8]
    graph = how.graph
    rows, columns = (0, 0) if coefficients is None else coefficients.shape
    gains, width, features, filmed = 0, 0, 0, 0
    if gain is not None:
        gains, width = gain.shape
    if weight is not None:
        columns, features = weight.shape
        filmed = 1 if how.formula.made.filmed == "gain" else 2
    return [
        *(nodes, graph.counts.shape[0], gains, width, rows, columns),
        *(features, filmed, how.around_one),
        *_addresses((*inputs, graph.batch, graph.mask, graph.counts)),
        kept,
        *_addresses(more),
    ]


def _addresses(tensors: Sequence[Tensor | None]) -> list[int]:
    return [0 if t is None else t.data_ptr() for t in tensors]


def kept_size(nodes: int, inputs: Given, how: How) -> int:
    """How many float64 numbers are kept for the gradient: of graphs, then of coefficients."""
    weight = inputs[7]
    size = how.graph.counts.shape[0] * WIDTH
    return size if weight is None else size + nodes * (2 * weight.shape[0] + 2)


def forward(inputs: Given, how: How) -> tuple[Tensor, Tensor]:
    """Points of the output (N, 3), and what is kept."""
    x = inputs[0]
    assert x is not None
    nodes = x.shape[0]
    y = torch.empty_like(x)
    kept = torch.empty(kept_size(nodes, inputs, how), dtype=torch.float64)
    numbers = np.array(table(nodes, inputs, how, kept.data_ptr(), y), np.int64)
    formula, like = how.formula, _LIKE[x.dtype]
    points_entry.forward(numbers, formula.how, formula.limits[x.dtype], how.eps, like)
    return y, kept


def backward(
    g: Tensor, inputs: Given, kept: Tensor, wanted: Sequence[bool], how: How
) -> list[Tensor | None]:
    """Gradients of the inputs, in their order; None for what is not there or not wanted."""
    found = [
        None if t is None or not (wants or needed) else torch.empty_like(t)
        for t, wants, needed in zip(inputs, wanted, _ALWAYS, strict=True)
    ]
    g = g.contiguous()  # named: of a copy that nothing holds, the loops would read freed memory
    numbers = np.array(table(g.shape[0], inputs, how, kept.data_ptr(), g, *found), np.int64)
    formula = how.formula
    points_entry.backward(numbers, formula.how, formula.limits[g.dtype], _LIKE[g.dtype])
    return found


# The loops leave out gradients of x0, v and h alone.
_ALWAYS = (True, False, False, *(True,) * 3, False, *(True,) * 6)
assert len(_ALWAYS) == OF_X - X - 5  # three of the graph, what is kept, and the output

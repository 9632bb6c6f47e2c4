"""Hands points to the compiled kernels; imported only where numba is installed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._kernels import points, points_backward, points_coefficients
from eqnorm.functional._points.recipe import WIDTH, Recipe, tables
from eqnorm.graph import Graph

_NO_MASK = np.empty(0, dtype=np.bool_)
_NONE = {
    torch.float32: (np.empty((0, 3), np.float32), np.empty(0, np.float32)),
    torch.float64: (np.empty((0, 3), np.float64), np.empty(0, np.float64)),
}


def _array(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _given(inputs: tuple[Tensor | None, ...], graph: Graph, recipe: Recipe) -> tuple[Any, ...]:
    """All that both directions read, in the order in which they take it."""
    x, *more, cap = inputs
    assert x is not None
    empty, none = _NONE[x.dtype]
    rows = [empty if t is None else _array(t) for t in more]
    if recipe.in_gain:
        rows[3] = rows[2]
    limit = torch.finfo(x.dtype)
    return (
        _array(x),
        *rows,
        none if cap is None else _array(cap).reshape(-1),
        graph.batch.numpy(),
        _NO_MASK if graph.mask is None else graph.mask.numpy(),
        graph.counts.numpy(),
        *tables(recipe, 4 * limit.eps, limit.tiny**0.5),
    )


def forward(
    inputs: tuple[Tensor | None, ...], graph: Graph, recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """Points of the output (N, 3), and what the loops know of each graph."""
    x = inputs[0]
    assert x is not None
    y = torch.empty_like(x)
    stats = torch.zeros(graph.num_graphs, WIDTH, dtype=torch.float64)
    points.forward(*_given(inputs, graph, recipe), y.numpy(), stats.numpy())
    return y, stats


def backward(
    g: Tensor,
    inputs: tuple[Tensor | None, ...],
    stats: Tensor,
    wanted: tuple[bool, ...],
    graph: Graph,
    recipe: Recipe,
) -> tuple[Tensor | None, ...]:
    """Gradients of the inputs, in their order; None for what is not there or not wanted."""
    x, x0, v, gain, coefficients, cap = inputs
    assert x is not None
    empty, none = _NONE[x.dtype]
    of_x = torch.empty_like(x)
    of_x0 = torch.empty_like(x) if wanted[1] and x0 is not None else None
    of_v = torch.empty_like(x) if wanted[2] and v is not None else None
    ofs = [None if t is None else torch.zeros_like(t) for t in (gain, coefficients, cap)]
    arrays = [empty if t is None else t.numpy() for t in (of_x0, of_v, *ofs[:2])]
    if recipe.in_gain:
        arrays[3] = arrays[2]
    arrays.append(none if ofs[2] is None else ofs[2].numpy().reshape(-1))
    given = _given(inputs, graph, recipe)
    points_backward.backward(_array(g), *given, stats.numpy(), of_x.numpy(), *arrays)
    return of_x, of_x0, of_v, *ofs


@functools.lru_cache(maxsize=64)
def _offset(around_one: int, count: int, dtype: torch.dtype) -> Tensor:
    return torch.tensor([float(k < around_one) for k in range(count)], dtype=dtype)


def coefficients_forward(
    inputs: Sequence[Tensor], around_one: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients (N, K), and what their gradient needs."""
    h, weight = inputs[:2]
    amplitude = inputs[5]
    bounded, kept = h.new_empty(h.shape[0], weight.shape[0]), h.new_empty(h.shape[0], 2)
    arrays = [_array(t) for t in inputs[:5]]
    points_coefficients.forward(*arrays, eps, bounded.numpy(), kept.numpy())
    bounded.tanh_()
    count = weight.shape[0]
    more = bounded + _offset(around_one, count, h.dtype) if around_one else bounded
    return more * amplitude, bounded, kept


def coefficients_backward(
    g: Tensor,
    inputs: Sequence[Tensor],
    bounded: Tensor,
    kept: Tensor,
    wants_h: bool,
    around_one: int,
) -> tuple[Tensor | None, ...]:
    """Gradients of the inputs, in their order."""
    h, weight, _, *others = inputs
    ofs = [torch.empty_like(t) for t in (h if wants_h else h[:0], *inputs[1:])]
    points_coefficients.backward(
        _array(g),
        *(_array(t) for t in (h, weight, *others)),
        _offset(around_one, weight.shape[0], h.dtype).numpy(),
        bounded.numpy(),
        kept.numpy(),
        *(t.numpy() for t in ofs),
    )
    return (ofs[0] if wants_h else None, *ofs[1:])

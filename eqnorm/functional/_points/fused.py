"""A norm on points or displacements as one operation with its gradient written down."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._points.recipe import Recipe
from eqnorm.graph import Graph

Plain = Callable[..., Tensor]
_PLAIN = (Tensor, torch.nn.Parameter)


def fused(
    plain: Plain,
    recipe: Recipe,
    graph: Graph,
    x: Tensor,
    x0: Tensor | None = None,
    v: Tensor | None = None,
    gain: Tensor | None = None,
    coefficients: Tensor | None = None,
    cap: Tensor | None = None,
) -> Tensor:
    """``plain(x, x0, v, gain, coefficients, cap)``, in a compiled loop where one can serve.

    Args:
        plain: the norm as torch operations; the loop computes the same from ``recipe``.
        recipe: the norm as choices.
        graph: which point is in which system.
        x: points or displacements, shape (N, 3).
        x0: initial points, shape (N, 3).
        v: velocities, shape (N, 3).
        gain: shape (1, 1) or (N, 1); with ``recipe.in_gain``, with coefficients behind.
        coefficients: shape (1, K) or (N, K).
        cap: a scalar, of any shape.
    """
    inputs = (x, x0, v, gain, coefficients, cap)
    if not _served(x, inputs, graph):
        return plain(*inputs)
    out: Tensor = _Fused.apply(*inputs, plain, recipe, graph)  # type: ignore[no-untyped-call]
    return out


def _served(x: Tensor, inputs: Sequence[Tensor | None], graph: Graph) -> bool:
    if not _compiled.is_eager() or not _compiled.serves(x) or graph.box is not None:
        return False
    if any(t is not None and (t.dtype != x.dtype or type(t) not in _PLAIN) for t in inputs):
        return False
    *_, gain, coefficients, cap = inputs
    rows = (1, x.shape[0])
    return (
        (gain is None or (gain.dim() == 2 and gain.shape[0] in rows))
        and (coefficients is None or (coefficients.dim() == 2 and coefficients.shape[0] in rows))
        and (cap is None or cap.numel() == 1)
    )


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *inputs, plain, recipe, graph = arguments
        y, stats = _launch().forward(tuple(inputs), graph, recipe)
        ctx.save_for_backward(*inputs, stats)
        ctx.plain, ctx.recipe, ctx.graph = plain, recipe, graph
        out: Tensor = y
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, stats = ctx.saved_tensors
        g = gradients[0]
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(g):
            return (*again(ctx.plain, inputs, g), None, None, None)
        wanted = ctx.needs_input_grad
        found = _launch().backward(g, tuple(inputs), stats, wanted, ctx.graph, ctx.recipe)
        return (*found, None, None, None)


def again(plain: Plain, inputs: Sequence[Tensor | None], g: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of ``plain(*inputs)`` by torch, None where unneeded; they have gradients too."""
    # Of views: x may have been made from x0, whose gradient must not hold what comes through x.
    create = torch.is_grad_enabled()
    with torch.enable_grad():
        views = [None if t is None else t.view_as(t) for t in inputs]
        y = plain(*views)
    wanted = [t for t in views if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, wanted, g, create_graph=create, allow_unused=True))
    return tuple(next(found) if t is not None and t.requires_grad else None for t in views)


@functools.cache
def _launch() -> Any:
    # numba takes half a second to import: not before the first norm that it serves.
    return importlib.import_module("eqnorm.functional._points.launch")

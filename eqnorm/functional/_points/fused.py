"""A norm on points or displacements as one operation with its gradient written down."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._points.call import FILM, Call, Formula, How, Made, dense
from eqnorm.functional._points.film import Film
from eqnorm.functional._points.served import can_serve
from eqnorm.functional._written import no_loops, write_down
from eqnorm.graph import Graph


@functools.lru_cache(maxsize=256)
def _formula(make: Callable[..., Made], options: tuple[Any, ...]) -> Formula:
    return Formula(make(*options))


def fused(
    make: Callable[..., Made],
    options: tuple[Any, ...],
    graph: Graph,
    x: Tensor,
    x0: Tensor | None = None,
    v: Tensor | None = None,
    gain: Tensor | None = None,
    coefficients: Tensor | None = None,
    cap: Tensor | None = None,
    film: Film | None = None,
) -> Tensor:
    """A norm, in a compiled loop where one can serve.

    Args:
        make: called as make(*options), gives the norm.
        options: what tells it from others of its kind; hashable.
        graph: which point is in which system.
        x: points or displacements, shape (N, 3).
        x0: initial points, shape (N, 3).
        v: velocities, shape (N, 3).
        gain: shape (1, 1) or (N, 1).
        coefficients: shape (1, K) or (N, K).
        cap: a scalar, of any shape.
        film: what predicts one of them, in its place.
    """
    inputs = (x, x0, v, gain, coefficients, cap)
    if not _compiled.is_eager() or not can_serve(graph, inputs, film):
        no_loops()
        return make(*options).run(graph, inputs, film)
    formula = _formula(make, options)
    if film is None:
        call = Call((*inputs, *_NO_FILM), How(formula, graph, 0, 0.0))
    else:
        how = How(formula, graph, film.around_one, film.eps)
        call = Call((*inputs, *film.tensors()), how)
    if write_down(call):
        return x
    out: Tensor = _Fused.apply(*call.inputs, call.how)  # type: ignore[no-untyped-call]
    return out


_NO_FILM = (None,) * 7


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *inputs, how = arguments
        y, kept = _launch().forward(dense(inputs), how)
        ctx.save_for_backward(*inputs, kept)
        ctx.how = how
        out: Tensor = y
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, kept = ctx.saved_tensors
        how: How = ctx.how
        g = gradients[0]
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(g):
            return (*_compiled.gradients(how.plain, inputs, g), None)
        wanted = ctx.needs_input_grad[:FILM]
        found = _launch().backward(g, dense(inputs), kept, wanted, how)
        return (*found, None)


@functools.cache
def _launch() -> Any:
    # numba takes half a second to import: not before the first norm that it serves.
    return importlib.import_module("eqnorm.functional._points.launch")

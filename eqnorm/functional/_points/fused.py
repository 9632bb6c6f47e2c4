"""A norm on points or displacements as one operation with its gradient written down."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._points.film import Film
from eqnorm.functional._points.recipe import Recipe, choices, limits
from eqnorm.functional._points.served import Given, can_serve
from eqnorm.graph import Graph

Plain = Callable[..., Tensor]


class Made(NamedTuple):
    """A norm, as torch operations and as choices of the compiled loop.

    Attributes:
        plain: called as plain(graph, x, x0, v, gain, coefficients, cap).
        recipe: makes the same as choices. Not called where torch traces: the compiler takes its
            numbers for inputs, and compiles again when it finds that nothing reads them.
        filmed: which of the last arguments coefficients stand for that are predicted.
    """

    plain: Plain
    recipe: Callable[[], Recipe]
    filmed: Literal["gain", "coefficients"] = "gain"

    def run(self, graph: Graph, inputs: Given, film: Film | None) -> Tensor:
        """The torch operations."""
        x, x0, v, gain, coefficients, cap = inputs
        if film is not None and self.filmed == "gain":
            gain = film.coefficients()
        elif film is not None:
            coefficients = film.coefficients()
        return self.plain(graph, x, x0, v, gain, coefficients, cap)


class Formula:
    """A norm with its choices as tables."""

    def __init__(self, made: Made) -> None:
        self.made = made
        recipe = made.recipe()
        self.how = choices(recipe)
        self.limits = {
            torch.float32: limits(recipe, np.float32),
            torch.float64: limits(recipe, np.float64),
        }


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
        return make(*options).run(graph, inputs, film)
    how: tuple[Any, ...] = _NO_FILM
    if film is not None:
        how = (*film.tensors(), film.around_one, film.eps)
    out: Tensor = _Fused.apply(*inputs, *how, _formula(make, options), graph)  # type: ignore[no-untyped-call]
    return out


_NO_FILM = (*[None] * 7, 0, 0.0)
_POINTS, _FILM = 6, 13  # inputs so far


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *inputs, around_one, eps, formula, graph = arguments
        y, kept = _launch().forward(_dense(inputs), graph, formula, around_one, eps)
        ctx.save_for_backward(*inputs, kept)
        ctx.how = around_one, eps, formula, graph
        out: Tensor = y
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, kept = ctx.saved_tensors
        around_one, _, formula, graph = ctx.how
        g = gradients[0]
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(g):
            plain = functools.partial(_plain, ctx.how)
            return (*_compiled.gradients(plain, inputs, g), None, None, None, None)
        wanted = ctx.needs_input_grad[:_FILM]
        found = _launch().backward(g, _dense(inputs), kept, wanted, graph, formula, around_one)
        return (*found, None, None, None, None)


def _dense(inputs: Given) -> list[Tensor | None]:
    return [None if t is None else t.contiguous() for t in inputs]


def _plain(how: tuple[int, float, Formula, Graph], *inputs: Tensor | None) -> Tensor:
    """The torch operations, on all inputs in a row."""
    around_one, eps, formula, graph = how
    film = None
    if inputs[_POINTS] is not None:
        *first, more = inputs[_POINTS:]
        film = Film(*first, around_one, eps, more)  # type: ignore[arg-type,call-arg]
    return formula.made.run(graph, inputs[:_POINTS], film)


@functools.cache
def _launch() -> Any:
    # numba takes half a second to import: not before the first norm that it serves.
    return importlib.import_module("eqnorm.functional._points.launch")

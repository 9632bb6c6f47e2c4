"""One use of a norm on points: what it is of, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._points.film import Film
from eqnorm.functional._points.recipe import Recipe, choices, limits
from eqnorm.graph import Graph

Given = Sequence[Tensor | None]
POINTS, FILM = 6, 13  # inputs: those of points, and with those of what predicts coefficients


class Made(NamedTuple):
    """A norm, as torch operations and as choices of the compiled loop.

    Attributes:
        plain: called as plain(graph, x, x0, v, gain, coefficients, cap).
        recipe: makes the same as choices. Not called where torch traces: the compiler takes its
            numbers for inputs, and compiles again when it finds that nothing reads them.
        filmed: which of the last arguments coefficients stand for that are predicted.
    """

    plain: Callable[..., Tensor]
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
    """A norm with its choices as tables, and where those for float32 lie."""

    def __init__(self, made: Made) -> None:
        self.made = made
        recipe = made.recipe()
        self.how = choices(recipe)
        self.limits = {
            torch.float32: limits(recipe, np.float32),
            torch.float64: limits(recipe, np.float64),
        }
        self.addresses = self.how.ctypes.data, self.limits[torch.float32].ctypes.data


class How(NamedTuple):
    """What is not differentiated.

    Attributes:
        formula: the norm.
        graph: which point is in which system.
        around_one: see :class:`eqnorm.functional._points.film.Film`; 0 without.
        eps: the same.
    """

    formula: Formula
    graph: Graph
    around_one: int
    eps: float

    def plain(self, *inputs: Tensor | None) -> Tensor:
        """The torch operations, on all inputs of a :class:`Call` in a row."""
        film = None
        if inputs[POINTS] is not None:
            *first, more = inputs[POINTS:]
            film = Film(*first, self.around_one, self.eps, more)  # type: ignore[arg-type,call-arg]
        return self.formula.made.run(self.graph, inputs[:POINTS], film)


class Call(NamedTuple):
    """A use of a norm.

    Attributes:
        inputs: x, x0, v, gain, coefficients, cap; then h, weight, bias, scale, shift, amplitude
            and more of what predicts coefficients, all None without.
        how: the rest.
    """

    inputs: tuple[Tensor | None, ...]
    how: How


def dense(inputs: Given) -> list[Tensor | None]:
    """All contiguous, as loops read them."""
    return [None if t is None else t.contiguous() for t in inputs]

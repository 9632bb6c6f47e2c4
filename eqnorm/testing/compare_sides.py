"""Comparisons: the two sides of an equation that a symmetric model fulfils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch

from eqnorm.testing import structure as st
from eqnorm.testing.gradients import gradient_fields, natural_sizes
from eqnorm.testing.measure import Extent, extent, positions
from eqnorm.testing.outputs import Field
from eqnorm.testing.structure import Structure
from eqnorm.testing.subject import Subject
from eqnorm.testing.transforms import Move

Arguments = dict[str, Any]
Sides = tuple[list[Field], list[Field]]


class Comparison(ABC):
    """An equation between outputs of a model, which can be looked at for any arguments."""

    subject: Subject
    # Whether what is compared may be the small remainder of large terms.
    remainder = False

    @abstractmethod
    def base(self, arguments: Arguments, dtype: torch.dtype) -> list[Field]:
        """What the condition number is measured on."""

    @abstractmethod
    def sides(self, arguments: Arguments, dtype: torch.dtype, base: list[Field]) -> Sides:
        """What should be, and what is."""

    def terms(self, arguments: Arguments, dtype: torch.dtype) -> list[list[float]] | None:
        """Sizes of the terms that the blocks of ``base`` are sums of, if larger; None: as they."""
        return None

    def extent(self, arguments: Arguments) -> Extent:
        """Size of the system and distance from the origin, of both sides."""
        return extent(positions(arguments, self.subject.slots), self.subject.structure(arguments))


@dataclass
class Equivariance(Comparison):
    """f(g x) = g f(x), for a group element per graph and a relabelling."""

    subject: Subject
    move: Move

    def base(self, arguments: Arguments, dtype: torch.dtype) -> list[Field]:
        """f(x)."""
        return self.subject.call_as(arguments, dtype)

    def sides(self, arguments: Arguments, dtype: torch.dtype, base: list[Field]) -> Sides:
        """G f(x) and f(g x)."""
        moved = self.move.arguments(arguments, self.subject.slots)
        got = self.subject.call_as(moved, dtype)
        return moved_fields(base, self.move), got

    def extent(self, arguments: Arguments) -> Extent:
        """The farther of x and g x."""
        moved = self.move.arguments(arguments, self.subject.slots)
        here, there = super().extent(arguments), super().extent(moved)
        return Extent(max(here.size, there.size), max(here.away, there.away))


@dataclass
class GradientEquivariance(Comparison):
    """The gradient of <c, f> at x, moved by g, is that of <g c, f> at g x."""

    subject: Subject
    move: Move
    remainder = True

    def base(self, arguments: Arguments, dtype: torch.dtype) -> list[Field]:
        """Gradients of <c, f(x)> by the inputs, for a fixed random c."""
        return gradient_fields(self.subject, arguments, dtype, None)

    def sides(self, arguments: Arguments, dtype: torch.dtype, base: list[Field]) -> Sides:
        """Both gradients."""
        moved = self.move.arguments(arguments, self.subject.slots)
        got = gradient_fields(self.subject, moved, dtype, self.move)
        want = [replace(f, value=self.move.direction(f.value, f.kind, f.level)) for f in base]
        return want, got

    def terms(self, arguments: Arguments, dtype: torch.dtype) -> list[list[float]]:
        """What gradients are made of, which may be much larger than they."""
        return natural_sizes(self.subject, arguments, dtype)

    def extent(self, arguments: Arguments) -> Extent:
        """The farther of x and g x."""
        return Equivariance(self.subject, self.move).extent(arguments)


@dataclass
class Alone(Comparison):
    """A graph alone gives what it gives within its batch."""

    subject: Subject
    graph: int

    def base(self, arguments: Arguments, dtype: torch.dtype) -> list[Field]:
        """F of the whole batch."""
        return self.subject.call_as(arguments, dtype)

    def sides(self, arguments: Arguments, dtype: torch.dtype, base: list[Field]) -> Sides:
        """The graph's rows of f(batch), and f of the graph."""
        structure = self.subject.structure(arguments)
        alone = st.take_graph(arguments, self.subject.slots, structure, self.graph)
        got = self.subject.call_as(alone, dtype)
        want = [replace(f, value=f.value[structure.graph_of(f.level) == self.graph]) for f in base]
        # With one node in the graph a row count cannot tell nodes from graphs; no matter.
        return want, [replace(g, level=w.level) for w, g in zip(want, got, strict=True)]


def moved_fields(fields: list[Field], move: Move) -> list[Field]:
    """The outputs that moved arguments should give."""
    return [replace(f, value=move.tensor(f.value, f.kind, f.level)) for f in fields]


def structure_for(comparison: Comparison, want: list[Field], whole: Structure) -> Structure:
    """The structure that the rows of the two sides belong to."""
    if isinstance(comparison, Alone):
        return st.only_graph(whole, comparison.graph)
    if isinstance(comparison, (Equivariance, GradientEquivariance)):
        return st.relabelled(whole, comparison.move.labels)
    return whole

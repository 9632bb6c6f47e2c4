"""Numbers, no judgement: deviations from symmetry, sizes, and the model's condition number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing.declare import Slot
from eqnorm.testing.neighbors import displaced, largest
from eqnorm.testing.outputs import Field
from eqnorm.testing.structure import Structure
from eqnorm.testing.tolerances import TOLERANCES
from eqnorm.types import GeometricType

Tensors = list[tuple[Tensor, GeometricType, str]]


@dataclass(frozen=True)
class Extent:
    """Lengths of a system.

    Attributes:
        size: s, largest distance of a node from its graph's centre; where all nodes stand in
            their centres, the distance from the origin.
        away: |t|, largest distance of a graph's centre from the origin.
    """

    size: float
    away: float

    @property
    def stretch(self) -> float:
        """1 + |t|/s, what translations cost in relative accuracy."""
        return 1.0 + (self.away / self.size if self.size else 0.0)


def extent(values: list[Tensor], structure: Structure) -> Extent:
    """Size and distance from the origin of the positions given, each of shape (N, 3)."""
    size = away = 0.0
    owner = structure.owner
    for value in values:
        x = value.detach().double().cpu()
        counts = torch.bincount(owner, minlength=structure.num_graphs).clamp(min=1)
        total = x.new_zeros(structure.num_graphs, 3).index_add(0, owner, x)
        center = total / counts[:, None]
        spread = (x - center[owner]).norm(dim=-1)
        reach = float(center.norm(dim=-1).max())
        away = max(away, reach)
        # Below round-off of the position the nodes coincide.
        if x.shape[0]:
            width = float(spread.max())
            size = max(size, width if width > 1e-12 * reach else 0.0)
    return Extent(size or away or 1.0, away)


def positions(arguments: dict[str, Any], slots: tuple[Slot, ...]) -> list[Tensor]:
    """The arguments declared ``"points"``."""
    return [
        arguments[slot.name]
        for slot in slots
        if slot.kind is not None and slot.kind.is_points
        if isinstance(arguments.get(slot.name), Tensor)
    ]


def blocks(value: Tensor, kind: GeometricType) -> list[Tensor]:
    """A tensor as vectors of one irrep each: list of (rows * multiplicity, 2l + 1)."""
    if kind.irreps is None:
        return [value.reshape(-1, 3)]
    return [
        value[:, cut].reshape(-1, irrep.dim)
        for (_, irrep), cut in zip(kind.irreps, kind.irreps.slices(), strict=True)
    ]


def lengths(value: Tensor, kind: GeometricType, structure: Structure, size: float) -> list[float]:
    """The size of each block: largest length, of points from the centre, at least ``size``."""
    if kind.irreps is None:
        if value.shape[0] != structure.num_nodes:
            return [max(size, largest(value))]
        own = extent([value], structure)
        return [max(size, own.size)]
    return [largest(block) for block in blocks(value, kind)]


def deviation(want: list[Field], got: list[Field]) -> list[list[float]]:
    """Largest length of the difference, for each field and block."""
    return [
        [largest(block) for block in blocks(g.value.double() - w.value.double(), w.kind)]
        for w, g in zip(want, got, strict=True)
    ]


def sizes(fields: list[Field], structure: Structure, size: float) -> list[list[float]]:
    """The size of each field and block."""
    return [lengths(f.value.double(), f.kind, structure, size) for f in fields]


def condition(
    evaluate: Callable[[dict[str, Any]], list[Field]],
    arguments: dict[str, Any],
    slots: tuple[Slot, ...],
    base: list[Field],
    size: float,
    step: float = TOLERANCES.probe,
) -> list[list[float]]:
    """Sensitivity of each block: largest |f(x + d) - f(x)| / step over random directions.

    Positions are displaced by ``step`` times the size of the system, features by ``step`` times
    their own, all at once. Divided by the block's size this is the condition number kappa.

    Args:
        evaluate: the model.
        arguments: where.
        slots: the declared arguments.
        base: the outputs there.
        size: s.
        step: relative size of the displacement.
    """
    worst = [[0.0] * len(row) for row in deviation(base, base)]
    for number in range(TOLERANCES.probes):
        near = displaced(arguments, slots, step, size, seed=number)
        moved = evaluate(near)
        for row, new in zip(worst, deviation(base, moved), strict=True):
            for index, value in enumerate(new):
                value = math.inf if math.isnan(value) else value
                row[index] = max(row[index], value / step)
    return worst


def flat(want: list[Field], got: list[Field], scale: list[list[float]]) -> Tensor:
    """All deviations in one vector, each block relative to its size: to compare directions."""
    pieces = []
    for w, g, row in zip(want, got, scale, strict=True):
        for block, size in zip(
            blocks(g.value.double() - w.value.double(), w.kind), row, strict=True
        ):
            pieces.append((block / (size or 1.0)).flatten())
    return torch.cat(pieces).cpu() if pieces else torch.zeros(0, dtype=torch.float64)

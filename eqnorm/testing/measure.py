"""Numbers, no judgement: deviations from symmetry, sizes, and the model's condition number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing.declare import Slot
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
            return [max(size, _largest(value))]
        own = extent([value], structure)
        return [max(size, own.size)]
    return [_largest(block) for block in blocks(value, kind)]


def deviation(want: list[Field], got: list[Field]) -> list[list[float]]:
    """Largest length of the difference, for each field and block."""
    return [
        [_largest(block) for block in blocks(g.value.double() - w.value.double(), w.kind)]
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


def displaced(
    arguments: dict[str, Any],
    slots: tuple[Slot, ...],
    step: float,
    size: float,
    seed: int,
    together: list[Tensor] | None = None,
    jitter: bool = False,
) -> dict[str, Any]:
    """Arguments nearby: every tensor displaced at random by ``step`` of its size.

    Args:
        arguments: from where.
        slots: the declared arguments.
        step: relative displacement.
        size: s, for positions.
        seed: of the direction.
        together: for each positions argument a group index per row; rows of one group move
            together, so that coincident nodes stay coincident.
        jitter: where nothing is to stay together, zero features move too, so that equal ones
            become different.
    """
    dice = torch.Generator().manual_seed(9176 + seed)
    near = dict(arguments)
    points = 0
    for slot in slots:
        value = arguments.get(slot.name)
        if slot.role != "tensor" or slot.kind is None or not isinstance(value, Tensor):
            continue
        noise = torch.randn(value.shape, generator=dice, dtype=torch.float64)
        if slot.kind.is_points:
            if together is not None:
                noise = noise[together[points]]
            points += 1
            near[slot.name] = (value.double() + step * size * noise.to(value.device)).to(value)
        else:
            pieces = value.double().clone()
            cuts = slot.kind.irreps.slices() if slot.kind.irreps is not None else []
            for cut in cuts:
                part = pieces[:, cut]
                scale = _largest(part)
                moves = (part.norm(dim=-1, keepdim=True) > 0).double()
                if together is None and jitter:
                    scale, moves = scale or 1.0, torch.ones_like(moves)
                pieces[:, cut] += step * scale * moves * noise[:, cut].to(value.device)
            near[slot.name] = pieces.to(value)
    return near


def coincidences(values: list[Tensor]) -> list[Tensor]:
    """For each positions tensor, one index for all rows that are equal: shape (N,)."""
    groups = []
    for value in values:
        _, which = torch.unique(value.detach().cpu(), dim=0, return_inverse=True)
        first = torch.full((int(which.max()) + 1,), value.shape[0], dtype=torch.int64)
        first.scatter_reduce_(0, which, torch.arange(value.shape[0]), "amin")
        groups.append(first[which])
    return groups


def flat(want: list[Field], got: list[Field], scale: list[list[float]]) -> Tensor:
    """All deviations in one vector, each block relative to its size: to compare directions."""
    pieces = []
    for w, g, row in zip(want, got, scale, strict=True):
        for block, size in zip(
            blocks(g.value.double() - w.value.double(), w.kind), row, strict=True
        ):
            pieces.append((block / (size or 1.0)).flatten())
    return torch.cat(pieces).cpu() if pieces else torch.zeros(0, dtype=torch.float64)


def _largest(block: Tensor) -> float:
    if block.numel() == 0:
        return 0.0
    return float(torch.linalg.vector_norm(block.detach().double(), dim=-1).max())

"""One look at a comparison: how far its sides are apart, and how far rounding may put them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing import measure
from eqnorm.testing.compare_sides import Comparison, structure_for
from eqnorm.testing.outputs import Field
from eqnorm.testing.tolerances import TOLERANCES, unit_roundoff

HIGH = torch.float64


@dataclass(frozen=True)
class Look:
    """One look at a comparison.

    Attributes:
        error: largest deviation, relative to the size of its block.
        limit: what the error model (or the user's rtol) allows there.
        ratio: error over limit, of the block where that is largest.
        where: name of the output in which it is.
        vector: all deviations, relative: to compare their direction.
        absolute: largest deviation of each block.
        worst: which block ``error`` is that of.
    """

    error: float
    limit: float
    ratio: float
    where: str
    vector: Tensor
    absolute: tuple[float, ...]
    worst: int


class Lens:
    """Measures deviations against C u kappa (1 + |t|/s).

    Args:
        rtol: a relative tolerance to use instead.
    """

    def __init__(self, rtol: float | None) -> None:
        self.rtol = rtol

    def look(
        self, comparison: Comparison, arguments: dict[str, Any], dtype: torch.dtype
    ) -> tuple[Look, list[Field]]:
        """Measure with kappa = 1, which is the least it can be."""
        subject = comparison.subject
        base = comparison.base(arguments, dtype)
        want, got = comparison.sides(arguments, dtype, base)
        extent = comparison.extent(arguments)
        whole = structure_for(comparison, want, subject.structure(arguments))
        scale = self._scales(want, got, whole, extent.size)
        ones = [[1.0] * len(row) for row in scale]
        return self._look(want, got, scale, ones, extent.stretch, dtype), base

    def with_condition(
        self, comparison: Comparison, point: dict[str, Any], dtype: torch.dtype, base: list[Field]
    ) -> Look:
        """Measure with kappa as it is at this input, by finite differences.

        Where a block is what is left of larger terms, their size over its own is added.
        """
        subject = comparison.subject
        want, got = comparison.sides(point, dtype, base)
        extent = comparison.extent(point)
        whole = structure_for(comparison, want, subject.structure(point))
        scale = self._scales(want, got, whole, extent.size)
        step = TOLERANCES.probe
        if dtype != HIGH:
            step = TOLERANCES.probe_low * math.sqrt(unit_roundoff(dtype))
        worst = measure.condition(
            lambda near: comparison.base(near, dtype), point, subject.slots, base, extent.size, step
        )
        terms = comparison.terms(point, dtype) or [[0.0] * len(row) for row in scale]
        kappa = [
            [
                max(1.0, change / size) + term / size if size else 1.0
                for change, term, size in zip(*rows, strict=True)
            ]
            for rows in zip(worst, terms, scale, strict=True)
        ]
        return self._look(want, got, scale, kappa, extent.stretch, dtype)

    def _look(
        self,
        want: list[Field],
        got: list[Field],
        scale: list[list[float]],
        kappa: list[list[float]],
        stretch: float,
        dtype: torch.dtype,
    ) -> Look:
        deviations = measure.deviation(want, got)
        absolute = tuple(value for row in deviations for value in row)
        error, limit, ratio, where, worst, block = 0.0, 0.0, 0.0, "", 0, -1
        for field, row, size, cond in zip(want, deviations, scale, kappa, strict=True):
            for value, one, factor in zip(row, size, cond, strict=True):
                block += 1
                if value == 0.0:
                    continue
                relative = value / one if one else math.inf
                allowed = TOLERANCES.constant * unit_roundoff(dtype) * factor * stretch
                if self.rtol is not None:
                    allowed = self.rtol
                if not relative / allowed <= ratio:
                    error, limit, ratio = relative, allowed, relative / allowed
                    where, worst = field.name, block
        return Look(error, limit, ratio, where, measure.flat(want, got, scale), absolute, worst)

    def _scales(
        self, want: list[Field], got: list[Field], structure: Any, size: float
    ) -> list[list[float]]:
        """Sizes of the blocks on either side, the larger."""
        left = measure.sizes(want, structure, size)
        right = measure.sizes(got, structure, size)
        return [
            [max(*ab) for ab in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)
        ]


def measure_cast(arguments: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Floating-point arguments in another dtype."""
    return {
        name: value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
        for name, value in arguments.items()
    }

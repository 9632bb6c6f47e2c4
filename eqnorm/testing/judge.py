"""Is a deviation a violation, or the rounding error of a sound model?"""

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
    """

    error: float
    limit: float
    ratio: float
    where: str
    vector: Tensor


@dataclass(frozen=True)
class Verdict:
    """What the judge found.

    Attributes:
        look: the deviation in the most accurate arithmetic that the model runs in.
        violated: it is not explained by rounding.
        rounding: it exceeds the error model but is rounding: precision is lost.
        same: it looks the same when the input is nudged.
        low: relative error in the model's own dtype.
    """

    look: Look
    violated: bool = False
    rounding: bool = False
    same: bool = False
    low: float = 0.0


class Judge:
    """Applies the error model: relative error <= C u kappa (1 + |t|/s).

    Args:
        rtol: a relative tolerance to use instead, in the model's own dtype.
    """

    def __init__(self, rtol: float | None) -> None:
        self.rtol = rtol
        # Ratios (at kappa = 1) up to this were found to be rounding, and are not looked into again.
        self.known_rounding = 1.0

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

    def judge(self, comparison: Comparison, arguments: dict[str, Any]) -> Verdict:
        """Judge the model at ``arguments``.

        A suspicion must show at several inputs near by, so that a tie of a discontinuous model
        condemns nobody. It is a violation if it is too large to be rounding in any arithmetic,
        or if it looks the same when the input is nudged, which rounding errors do not.
        """
        subject = comparison.subject
        accurate = subject.dtype if subject.twin_error else HIGH
        point = measure_cast(arguments, accurate)
        first, base = self.look(comparison, point, accurate)
        if first.ratio <= 1 or not base:
            return Verdict(first)
        look = self._with_condition(comparison, point, accurate, base)
        if look.ratio <= 1:
            return Verdict(look)
        if not self._persists(comparison, point, accurate):
            return Verdict(look)
        if self.rtol is not None:
            return Verdict(look, violated=True, low=look.error)
        same = self._looks_the_same(comparison, point, accurate, look)
        if subject.twin_error:
            return Verdict(
                look, violated=same or look.ratio > 1e4, rounding=not same, low=look.error
            )
        lower = torch.float32 if subject.dtype == HIGH else subject.dtype
        low, _ = self.look(comparison, measure_cast(arguments, lower), lower)
        single = unit_roundoff(torch.float32) / unit_roundoff(HIGH)
        stretch = comparison.extent(point).stretch
        floor = TOLERANCES.systematic * TOLERANCES.constant * unit_roundoff(torch.float32) * stretch
        beyond_single = look.ratio > single
        double = subject.dtype == HIGH
        coherent = same and (look.error > floor or (double and look.ratio > TOLERANCES.clear))
        fixed = look.error > TOLERANCES.gap * low.error
        hidden = double and look.ratio > TOLERANCES.hidden and fixed
        if beyond_single and (same or fixed):
            return Verdict(look, violated=True, low=low.error)
        if coherent and look.error > floor:
            return Verdict(look, violated=True, low=low.error)
        return Verdict(look, hidden or coherent, True, same, low.error)

    def _with_condition(
        self, comparison: Comparison, point: dict[str, Any], dtype: torch.dtype, base: list[Field]
    ) -> Look:
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
        kappa = [
            [max(1.0, change / size) if size else 1.0 for change, size in zip(*rows, strict=True)]
            for rows in zip(worst, scale, strict=True)
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
        error, limit, ratio, where = 0.0, 0.0, 0.0, ""
        for field, row, size, cond in zip(
            want, measure.deviation(want, got), scale, kappa, strict=True
        ):
            for value, one, factor in zip(row, size, cond, strict=True):
                if value == 0.0:
                    continue
                relative = value / one if one else math.inf
                allowed = TOLERANCES.constant * unit_roundoff(dtype) * factor * stretch
                if self.rtol is not None:
                    allowed = self.rtol
                if not relative / allowed <= ratio:
                    error, limit, ratio, where = relative, allowed, relative / allowed, field.name
        return Look(error, limit, ratio, where, measure.flat(want, got, scale))

    def _scales(
        self, want: list[Field], got: list[Field], structure: Any, size: float
    ) -> list[list[float]]:
        """Sizes of the blocks on either side, the larger."""
        left = measure.sizes(want, structure, size)
        right = measure.sizes(got, structure, size)
        return [
            [max(*ab) for ab in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)
        ]

    def _persists(self, comparison: Comparison, point: dict[str, Any], dtype: torch.dtype) -> bool:
        subject = comparison.subject
        size = comparison.extent(point).size
        together = _kept_together(comparison, point)
        seen = 0
        for number in range(TOLERANCES.neighbors):
            near = measure.displaced(
                point, subject.slots, TOLERANCES.jitter, size, 100 + number, together, True
            )
            first, base = self.look(comparison, near, dtype)
            if first.ratio > 1 and self._with_condition(comparison, near, dtype, base).ratio > 1:
                seen += 1
            if seen >= TOLERANCES.agree:
                return True
        return False

    def _looks_the_same(
        self, comparison: Comparison, point: dict[str, Any], dtype: torch.dtype, look: Look
    ) -> bool:
        size = comparison.extent(point).size
        step = TOLERANCES.nudge if dtype == HIGH else 100 * unit_roundoff(dtype)
        together = measure.coincidences(measure.positions(point, comparison.subject.slots))
        for number in range(2):
            near = measure.displaced(
                point, comparison.subject.slots, step, size, 200 + number, together
            )
            other, _ = self.look(comparison, near, dtype)
            if other.vector.shape != look.vector.shape:
                return False
            length = float(look.vector.norm() * other.vector.norm())
            if not float(look.vector @ other.vector) > TOLERANCES.alignment * length:
                return False
        return True


def measure_cast(arguments: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Floating-point arguments in another dtype."""
    return {
        name: value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
        for name, value in arguments.items()
    }


def _kept_together(comparison: Comparison, point: dict[str, Any]) -> list[Tensor] | None:
    """Coincident nodes stay so where that is no tie.

    Under relabelling it is one (between the features of the two), and in graphs with fewer than
    four places, where a frame is not defined.
    """
    values = measure.positions(point, comparison.subject.slots)
    move = getattr(comparison, "move", None)
    if move is not None and not move.labels.trivial:
        return None
    groups = measure.coincidences(values)
    structure = comparison.subject.structure(point)
    for group in groups:
        for graph in range(structure.num_graphs):
            own = torch.nonzero(structure.owner == graph)[:, 0]
            if len(set(group[own].tolist())) < min(4, own.shape[0]):
                group[own] = own
    return groups

"""Is a deviation a violation, or the rounding error of a sound model?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing import measure, neighbors
from eqnorm.testing.compare_sides import Comparison
from eqnorm.testing.look import HIGH, Lens, Look, measure_cast
from eqnorm.testing.tolerances import TOLERANCES, unit_roundoff
from eqnorm.types import HALF


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


class Judge(Lens):
    """Applies the error model: relative error <= C u kappa (1 + |t|/s).

    Args:
        rtol: a relative tolerance to use instead.
    """

    def __init__(self, rtol: float | None) -> None:
        super().__init__(rtol)
        # Ratios (at kappa = 1) up to this were found to be rounding, and are not looked into again.
        self.known_rounding = 1.0

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
        look = self.with_condition(comparison, point, accurate, base)
        if look.ratio <= 1:
            return Verdict(look)
        single = unit_roundoff(torch.float32) / unit_roundoff(HIGH)
        if subject.dtype in HALF and look.ratio <= TOLERANCES.systematic * single:
            # Half-precision models rightly compute in float32, and so does their float64 copy.
            return Verdict(look)
        if not self._persists(comparison, point, accurate):
            return Verdict(look)
        if self.rtol is not None:
            return Verdict(look, violated=True, low=look.error)
        same = self._looks_the_same(comparison, point, accurate, look)
        clear = look.ratio > TOLERANCES.clear
        # The terms of a remainder are known up to the degree of f in x only; and where one number
        # outweighs all others, its rounding error has the same sign under three nudges by chance.
        telling = same and (clear or not comparison.remainder)
        if subject.twin_error:
            return Verdict(
                look, violated=telling or look.ratio > 1e4, rounding=not telling, low=look.error
            )
        lower = torch.float32 if subject.dtype == HIGH else subject.dtype
        low, _ = self.look(comparison, measure_cast(arguments, lower), lower)
        floor = TOLERANCES.systematic * TOLERANCES.constant * unit_roundoff(torch.float32)
        beyond_single = look.ratio > single
        double = subject.dtype == HIGH
        plain = telling and look.error > floor
        coherent = plain or (same and double and clear)
        # Not relative errors: an output that is all noise is as small as the noise.
        before, after = low.absolute[look.worst], look.absolute[look.worst]
        fixed = after > TOLERANCES.gap * before
        if after < TOLERANCES.shrinks * before:
            return Verdict(look, rounding=True, same=same, low=low.error)
        hidden = double and look.ratio > TOLERANCES.hidden and fixed
        if beyond_single and (same or fixed):
            return Verdict(look, violated=True, low=low.error)
        if plain:
            return Verdict(look, violated=True, low=low.error)
        return Verdict(look, hidden or coherent, True, same, low.error)

    def _persists(self, comparison: Comparison, point: dict[str, Any], dtype: torch.dtype) -> bool:
        subject = comparison.subject
        size = comparison.extent(point).size
        together = _kept_together(comparison, point)
        seen = 0
        for number in range(TOLERANCES.neighbors):
            near = neighbors.displaced(
                point, subject.slots, TOLERANCES.jitter, size, 100 + number, together, True
            )
            first, base = self.look(comparison, near, dtype)
            if first.ratio > 1 and self.with_condition(comparison, near, dtype, base).ratio > 1:
                seen += 1
            if seen >= TOLERANCES.agree:
                return True
        return False

    def _looks_the_same(
        self, comparison: Comparison, point: dict[str, Any], dtype: torch.dtype, look: Look
    ) -> bool:
        size = comparison.extent(point).size
        step = TOLERANCES.nudge if dtype == HIGH else 100 * unit_roundoff(dtype)
        together = neighbors.coincidences(measure.positions(point, comparison.subject.slots))
        for number in range(3):
            near = neighbors.displaced(
                point, comparison.subject.slots, step, size, 200 + number, together
            )
            other, _ = self.look(comparison, near, dtype)
            if other.vector.shape != look.vector.shape:
                return False
            length = float(look.vector.norm() * other.vector.norm())
            if not float(look.vector @ other.vector) > TOLERANCES.alignment * length:
                return False
        return True


def _kept_together(comparison: Comparison, point: dict[str, Any]) -> list[Tensor] | None:
    """Coincident nodes stay so where that is no tie.

    Under relabelling it is one (between the features of the two), and in graphs with fewer than
    four places, where a frame is not defined.
    """
    values = measure.positions(point, comparison.subject.slots)
    move = getattr(comparison, "move", None)
    if move is not None and not move.labels.trivial:
        return None
    groups = neighbors.coincidences(values)
    structure = comparison.subject.structure(point)
    for group in groups:
        for graph in range(structure.num_graphs):
            own = torch.nonzero(structure.owner == graph)[:, 0]
            if len(set(group[own].tolist())) < min(4, own.shape[0]):
                group[own] = own
    return groups

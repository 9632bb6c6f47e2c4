"""Sentences made of measured numbers, and whether they agree with what the paper says."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from examples.demo.style import number
from examples.nbody.reproduce import paper, rows


@dataclass(frozen=True)
class Statement:
    """A claim beside the measurement.

    Attributes:
        claim: what is said.
        source: where.
        measured: what was found.
        agrees: whether they agree; None where nothing was measured.
    """

    claim: str
    source: str
    measured: str
    agrees: bool | None


def markdown(statements: Sequence[Statement]) -> str:
    """A table of them."""
    words = {True: "agrees", False: "**does not**", None: "not measured"}
    lines = ["| claim | where | measured | |", "|---|---|---|---|"]
    lines += [f"| {s.claim} | {s.source} | {s.measured} | {words[s.agrees]} |" for s in statements]
    return "\n".join(lines) + "\n"


def figure_2(runs: list[rows.Run]) -> list[Statement]:
    """Where vanilla EGNN explodes."""
    found = []
    for curve in paper.FIGURE_2:
        chosen = [r for r in runs if (r.size, r.layers) == (curve.size, curve.layers)]
        claim = f"N = {curve.size}, depth {curve.layers}: " + (
            "trains stably" if curve.stable else "unstable"
        )
        agrees = None
        summed = [r.stable for r in chosen if r.choice == "sum"]
        if summed:
            agrees = all(summed) if curve.stable else not any(summed)
        found.append(Statement(claim, curve.source, _by_sums(chosen), agrees))
    return found


def _by_sums(runs: Sequence[rows.Run]) -> str:
    parts = []
    for choice, how in (("sum", "coordinates summed"), ("mean", "averaged")):
        mine = [r for r in runs if r.choice == choice]
        if mine:
            broke = sum(r.status == "diverged" for r in mine)
            stable = sum(r.stable for r in mine)
            ends = spread(r.last_mse for r in mine)
            parts.append(
                f"{how}: {stable} of {len(mine)} stable, {broke} became NaN, last test error {ends}"
            )
    return "; ".join(parts)


def figure_5(runs: list[rows.Run], base: list[rows.Baseline]) -> list[Statement]:
    """Stability and ranking over seeds and rates."""
    still = {b.size: b.no_motion for b in base}
    vanilla, source = _of(runs, "sum"), "section 5, Figure 5"
    unstable = sum(not r.stable for r in vanilla)
    found = [
        Statement(
            "Vanilla EGNN easily explodes",
            source,
            f"{unstable} of {len(vanilla)} runs unstable, "
            f"{sum(r.status == 'diverged' for r in vanilla)} NaN",
            unstable > 0 if vanilla else None,
        )
    ]
    for norm, label in (("geonorm", "GeoNorm"), ("scalenorm", "ScaleNorm")):
        mine = _of(runs, f"{norm}_last", f"{norm}_inner")
        broke = sum(r.status == "diverged" for r in mine)
        found.append(
            Statement(
                f"{label} stabilises the training everywhere: no NaN",
                source,
                f"{broke} of {len(mine)} runs became NaN",
                broke == 0 if mine else None,
            )
        )
        found.append(
            Statement(
                f"{label} stabilises it by our criterion too",
                "ours",
                "runs never above ten times no motion after a tenth of the steps: "
                + _ends(runs, norm, lambda chosen: _share(r.stable for r in chosen)),
                all(r.stable for r in mine) if mine else None,
            )
        )
    found.append(_ranking(runs, source))
    best = _best(vanilla)
    found.append(
        Statement(
            "Vanilla EGNN reaches a decent error at some epochs, which GeoNorm does not",
            "section 5",
            f"lowest test error, chosen by validation: no norm {best}, "
            + _ends(runs, "geonorm", _best, "GeoNorm "),
            None if not vanilla else _lowest(vanilla) < _lowest(_of(runs, "geonorm_last")),
        )
    )
    found.append(
        Statement(
            "GeoNorm learns to predict (ends below no motion)",
            "implied",
            "runs that end below no motion: "
            + _ends(runs, "geonorm", lambda c: _share(r.last_mse < still[r.size] for r in c)),
            all(r.learnt for r in _of(runs, "geonorm_last")) if vanilla else None,
        )
    )
    return found


def _ranking(runs: list[rows.Run], source: str) -> Statement:
    parts, wins, count = [], 0, 0
    for end in ("last", "inner"):
        pairs = []
        for mine in _of(runs, f"geonorm_{end}"):
            key = (mine.size, mine.layers, mine.seed, mine.rate)
            pairs += [
                mine.last_mse < other.last_mse
                for other in _of(runs, f"scalenorm_{end}")
                if (other.size, other.layers, other.seed, other.rate) == key
            ]
        wins, count = wins + sum(pairs), count + len(pairs)
        parts.append(f"{_where(end)} {sum(pairs)} of {len(pairs)}")
    return Statement(
        "In most cases GeoNorm reaches lower errors than ScaleNorm",
        source,
        "lower last test error: " + "; ".join(parts),
        2 * wins > count if count else None,
    )


def spread(values: Iterable[float | None]) -> str:
    """The range of some numbers."""
    found = [math.inf if value is None else value for value in values]
    if not found:
        return "—"
    low, high = min(found), max(found)
    if math.isinf(low):
        return "NaN"
    top = "∞" if math.isinf(high) else number(high)
    return number(low) if number(low) == top else f"{number(low)} to {top}"


def median(values: Iterable[float | None]) -> float:
    """The median, infinite where nothing is there."""
    found = [math.inf if value is None else value for value in values]
    return statistics.median(found) if found else math.inf


def _of(runs: list[rows.Run], *choices: str) -> list[rows.Run]:
    return [r for r in runs if r.choice in choices]


def _ends(runs: list[rows.Run], norm: str, say: object, label: str = "") -> str:
    return "; ".join(
        f"{label}{_where(end)} {say(_of(runs, f'{norm}_{end}'))}"  # type: ignore[operator]
        for end in ("last", "inner")
    )


def _where(end: str) -> str:
    return "after the last layer too:" if end == "last" else "not after the last:"


def _share(values: Iterable[bool]) -> str:
    found = list(values)
    return f"{sum(found)} of {len(found)}"


def _lowest(runs: Sequence[rows.Run]) -> float:
    return min((r.test_mse for r in runs if r.test_mse is not None), default=math.inf)


def _best(runs: Sequence[rows.Run]) -> str:
    return number(_lowest(runs))

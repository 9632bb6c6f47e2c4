"""What of Table 1 reproduces."""

from __future__ import annotations

from collections.abc import Sequence

from examples.demo.style import number
from examples.nbody.reproduce import paper, rows
from examples.nbody.reproduce.statements import Statement, median, spread

ZERO = 0.005  # what the paper prints as 0.00


def table_1(moved: list[rows.Moved], base: list[rows.Baseline]) -> list[Statement]:
    """Increments, defects, and errors."""
    return [
        *_increments(moved),
        *[_error(moved, each) for each in base if _mine(moved, "geonorm", each.size)],
        *[_insertion(moved, each) for each in base if _mine(moved, "geonorm", each.size)],
    ]


def _increments(moved: list[rows.Moved]) -> list[Statement]:
    found = []
    for norm, label in (
        ("geonorm", "GeoNorm"),
        ("scalenorm", "ScaleNorm"),
        ("layernorm", "LayerNorm"),
    ):
        for kind, motion in (("r", "rotations"), ("t", "translations")):
            printed = [
                getattr(row, f"{kind}_increment") for row in paper.TABLE_1 if row.norm == norm
            ]
            mine = [m for m in _mine(moved, norm) if m.unmoved is not None]
            increments = [getattr(m, f"{kind}_increment") for m in mine]
            defects = [getattr(m, f"{kind}_defect") for m in mine]
            none = max(printed) == 0
            agrees: bool | None = None
            if mine:
                agrees = all(abs(d) < ZERO for d in increments) if none else min(increments) > 1.0
            said = "0" if none else spread(printed)
            found.append(
                Statement(
                    f"{label} under {motion}: increment {said}",
                    "Table 1",
                    f"increment {spread(abs(d) for d in increments)}, "
                    f"defect {spread(defects)} ({len(mine)} runs)",
                    agrees,
                )
            )
    return found


def _error(moved: list[rows.Moved], base: rows.Baseline) -> Statement:
    printed = [r.unmoved for r in paper.TABLE_1 if (r.norm, r.size) == ("geonorm", base.size)]
    mine = [m.unmoved for m in _mine(moved, "geonorm", base.size) if m.choice.endswith("last")]
    middle = median(mine)
    near = bool(printed) and 0.5 < middle / median(printed) < 2
    return Statement(
        f"GeoNorm's error at N = {base.size}: {spread(printed)}",
        "Table 1",
        f"after the last layer too {spread(mine)}, {number(middle / base.no_motion)} times no "
        f"motion ({number(base.no_motion)}); x + a·v {number(base.linear)}, every particle at the "
        f"centre {number(base.centre)}",
        near if printed else None,
    )


def _insertion(moved: list[rows.Moved], base: rows.Baseline) -> Statement:
    """Not a claim of the paper: where its norm stands decides its error."""
    parts, improves = [], []
    for norm, label in (
        ("geonorm", "GeoNorm"),
        ("scalenorm", "ScaleNorm"),
        ("layernorm", "LayerNorm"),
    ):
        last, inner = (
            median(m.unmoved for m in _mine(moved, norm, base.size) if m.choice.endswith(end))
            for end in ("last", "inner")
        )
        improves.append(inner < base.no_motion)
        parts.append(f"{label} {number(last)} / {number(inner)}")
    return Statement(
        f"N = {base.size}: the last projection explains it (without it, below no motion)",
        "ours",
        f"medians, after the last layer too / not: {', '.join(parts)}; no motion "
        f"{number(base.no_motion)}",
        improves[0],
    )


def _mine(moved: Sequence[rows.Moved], norm: str, size: int | None = None) -> list[rows.Moved]:
    names = (f"{norm}_last", f"{norm}_inner")
    return [m for m in moved if m.choice in names and size in (None, m.size)]

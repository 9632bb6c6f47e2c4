"""What the numbers say, in sentences made from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from examples.demo.style import number
from examples.nbody.real.draw import BASES, TITLES
from examples.nbody.real.entries import RECOMMENDED
from examples.nbody.real.rows import SYMMETRIES, Base, Row


def statements(rows: Sequence[Row], bases: Sequence[Base]) -> list[str]:
    """One paragraph for each set of data."""
    return [
        f"**{TITLES[name]}.** "
        + _joined(_sentences([r for r in rows if r.data == name], _of(bases, name)))
        for name in TITLES
        if any(row.data == name for row in rows)
    ]


def table(rows: Sequence[Row]) -> list[str]:
    """The networks as a table in Markdown, the best of each set of data first."""
    lines = [
        "| data | configuration | layers | rate | test MSE, Å² | last weights | ends | rotation | "
        "lattice |",
        "|---|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    order = list(TITLES)
    for row in sorted(rows, key=lambda r: (order.index(r.data), r.status == "refused", _error(r))):
        cells = (
            row.data,
            row.entry,
            str(row.layers),
            f"{row.rate:g}",
            _mse(row.test_mse),
            _mse(row.last_mse),
            _end(row),
            _small(row.rotation),
            _small(row.lattice),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _sentences(rows: Sequence[Row], bases: dict[str, float]) -> Iterable[str]:
    still = bases["no_motion"]
    simple = min(bases, key=lambda name: bases[name])
    yield "Without a network: " + ", ".join(
        f"{BASES[name]} {_mse(mse)}" for name, mse in bases.items()
    )
    yield "Å²."
    trained = [r for r in rows if r.status != "refused"]
    refused = sorted({r.entry for r in rows if r.status == "refused"})
    if refused:
        yield f"Refused, because a centre has no meaning in a periodic box: {', '.join(refused)}."
    if not trained:
        return
    for depth in sorted({r.layers for r in trained}):
        deep = [r for r in trained if r.layers == depth]
        best = min(deep, key=_error)
        yield (
            f"{depth} layers: best is {best.entry} with {_mse(best.test_mse)} "
            f"({_times(best.test_mse, still)} of no motion)"
        )
        for label, family in (("without a norm", "none"), ("with GeoNorm", "geonorm")):
            some = [r for r in deep if r.family == family]
            if some and best.family != family:
                found = min(map(_error, some))
                yield f"; best {label} " + (_mse(found) if math.isfinite(found) else "diverged")
        ours = [r for r in deep if r.entry == RECOMMENDED]
        if ours and best.entry != RECOMMENDED:
            yield f"; {RECOMMENDED} {_mse(min(map(_error, ours)))}"
        yield "."
    lost = [r for r in trained if not r.stable]
    yield f"Not stable: {len(lost)} of {len(trained)} runs"
    names = sorted({f"{r.entry} ({r.layers} layers)" for r in lost})
    yield f"({', '.join(names)})." if names else "."
    beaten = [r for r in trained if _error(r) < bases[simple]]
    yield f"{len(beaten)} of {len(trained)} beat {BASES[simple]}."
    worst = {
        s: max((v for r in trained if (v := getattr(r, s)) is not None), default=None)
        for s in SYMMETRIES
    }
    yield (
        "Largest defect of any trained network, relative to the displacement, in float64: "
        + ", ".join(f"{s} {_small(v)}" for s, v in worst.items() if v is not None)
        + "."
    )


def _joined(parts: Iterable[str]) -> str:
    text = ""
    for part in parts:
        text += part if not text or part[0] in ".;" else f" {part}"
    return text


def _of(bases: Sequence[Base], name: str) -> dict[str, float]:
    return {base.name: base.mse for base in bases if base.data == name}


def _error(row: Row) -> float:
    return float("inf") if row.test_mse is None else row.test_mse


def _end(row: Row) -> str:
    if row.status == "refused":
        return "refused"
    if row.status == "diverged":
        return row.where
    return "stable" if row.stable else f"loss up to {number(row.worst, 2)} times no motion"


def _mse(value: float | None) -> str:
    return "—" if value is None or not math.isfinite(value) else f"{value:.2g}"


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}"


def _times(value: float | None, of: float) -> str:
    return "no number" if value is None else f"{value / of:.2g} times the error"

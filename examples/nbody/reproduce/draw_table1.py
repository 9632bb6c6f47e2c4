"""Table 1 as a picture: the paper's increments, ours, and the defect that they should show."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.demo.style import light
from examples.nbody.reproduce import drawing, paper, rows
from examples.nbody.reproduce.choices import CHOICES

FLOOR = 1e-17  # where a logarithmic axis shows nothing at all
NORMS = {"layernorm": "LayerNorm", "scalenorm": "ScaleNorm", "geonorm": "GeoNorm"}


@mpl.rc_context(drawing.STYLE)
def figure(moved: list[rows.Moved], base: list[rows.Baseline]) -> Figure:
    """Errors on unmoved systems; then rotations and translations, increments and defects."""
    drawn, axes = drawing.panels(1, 3, width=3.6, height=3.9)
    left, *others = axes[0]
    _unmoved(left, moved, base)
    for panel, kind in zip(others, ("r", "t"), strict=True):
        name = "rotations" if kind == "r" else "translations"
        _increments(panel, moved, kind, f"{name}: increment and defect")
    entries = [(f"{label}", light(name), "solid") for name, label in NORMS.items()]
    entries += [(CHOICES[n].label, light(CHOICES[n].colour), "solid") for n in ("mean", "softcap")]
    drawing.legend(drawn, entries, columns=3)
    return drawn


def _unmoved(panel: Axes, moved: list[rows.Moved], base: list[rows.Baseline]) -> None:
    columns = ("paper", "after the last\nlayer too", "not after\nthe last")
    for name in NORMS:
        printed = [row.unmoved for row in paper.TABLE_1 if row.norm == name]
        groups = [printed] + [
            [m.unmoved for m in moved if m.choice == f"{name}_{end}"] for end in ("last", "inner")
        ]
        for place, values in enumerate(groups):
            _dots(panel, place, values, name, "D" if place == 0 else "o")
    for name in ("mean", "softcap"):
        values = [m.unmoved for m in moved if m.choice == name]
        _dots(panel, len(columns), values, CHOICES[name].colour, "o")
    drawing.axis(panel, "error on unmoved systems", "", "mean squared error")
    drawing.baselines(panel, base)
    panel.set_xticks(range(len(columns) + 1), [*columns, "no norm,\nours"], fontsize=7)
    panel.set_xlim(-0.5, len(columns) + 0.5)


def _increments(panel: Axes, moved: list[rows.Moved], kind: str, title: str) -> None:
    columns = ("Δ, paper", "Δ, ours", "defect, ours")
    for name in NORMS:
        chosen = [m for m in moved if m.choice in (f"{name}_last", f"{name}_inner")]
        printed = [getattr(row, f"{kind}_increment") for row in paper.TABLE_1 if row.norm == name]
        _dots(panel, 0, printed, name, "D")
        for place, what in ((1, "increment"), (2, "defect")):
            for end, marker in (("last", "o"), ("inner", "v")):
                values = [getattr(m, f"{kind}_{what}") for m in chosen if m.choice.endswith(end)]
                _dots(panel, place, values, name, marker)
    for name in ("mean", "softcap"):
        mine = [m for m in moved if m.choice == name]
        for place, what in ((1, "increment"), (2, "defect")):
            values = [getattr(m, f"{kind}_{what}") for m in mine]
            _dots(panel, place, values, CHOICES[name].colour, "o")
    drawing.axis(panel, title, "", "")
    panel.set_ylim(FLOOR, 1e4)
    panel.set_xticks(range(3), columns, fontsize=7)
    panel.set_xlim(-0.5, 2.5)


def _dots(
    panel: Axes, place: float, values: Sequence[float | None], colour: str, marker: str
) -> None:
    order = [*NORMS, "none", "recommended"]
    shift = 0.13 * (order.index(colour) - 2)
    found = [max(abs(value), 2 * FLOOR) for value in values if value is not None]
    panel.scatter(
        [place + shift] * len(found),
        found,
        color=light(colour),
        marker=marker,
        s=18,
        alpha=0.75,
        linewidths=0,
        clip_on=False,
    )

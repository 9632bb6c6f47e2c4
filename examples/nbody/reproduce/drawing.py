"""What all figures share: panels, curves, baselines, and files."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from examples.demo import figures, lines
from examples.demo.results import write_atomically
from examples.demo.style import light, number
from examples.nbody.reproduce import rows
from examples.nbody.reproduce.choices import CHOICES

STYLE = figures.STYLE
BASELINES = (
    ("no_motion", "no motion", "dashed"),
    ("linear", "x + a·v", "dotted"),
    ("centre", "the centre", "dotted"),
)


def panels(
    rows_: int, columns: int, width: float = 3.2, height: float = 2.7
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of equal panels."""
    figure = Figure(figsize=(width * columns, height * rows_), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.1)  # type: ignore[union-attr]
    axes = figure.subplots(rows_, columns, squeeze=False)
    return figure, [list(line) for line in axes]


def axis(panel: Axes, title: str, x: str, y: str) -> None:
    """Title, labels, logarithmic error axis, grid."""
    lines.finish(panel, title, x, y, [])


def baselines(panel: Axes, found: Sequence[rows.Baseline], *, named: bool = True) -> None:
    """Horizontal lines, or bands where the sizes of a panel have several."""
    for name, label, dash in BASELINES:
        values = [getattr(each, name) for each in found]
        if not values:
            continue
        colour = light("soft")
        if max(values) > 1.02 * min(values):
            panel.axhspan(min(values), max(values), color=colour, alpha=0.18, linewidth=0)
        else:
            panel.axhline(values[0], color=colour, linewidth=0.9, linestyle=lines.DASHES[dash])
        if named:
            panel.annotate(
                label,
                (0.99, max(values)),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize=6.5,
                style="italic",
                color=colour,
                bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6},
            )


def curve(
    panel: Axes,
    points: Sequence[rows.Point],
    colour: str,
    *,
    dash: str = "solid",
    top: float,
    what: str = "train",
    width: float = 1.5,
) -> None:
    """One curve; a cross where it broke, or where it leaves the frame for good."""
    ordered = sorted(points, key=lambda p: p.step)
    kept = [(p.step, getattr(p, what)) for p in ordered if getattr(p, what) is not None]
    if not kept:
        if ordered and what == "train":
            panel.plot([ordered[-1].step], [top], marker="X", color=colour, clip_on=False)
        return
    x, y = zip(*kept, strict=True)
    panel.plot(
        x,
        [min(value, 10 * top) for value in y],
        color=colour,
        linewidth=width,
        linestyle=lines.DASHES[dash],
    )
    if min(y) > top:
        panel.plot([x[0]], [top], marker="^", markersize=7, color=colour, clip_on=False, zorder=6)
    if what == "train" and ordered[-1].train is None:
        panel.plot(
            [ordered[-1].step],
            [min(y[-1], top)],
            marker="X",
            markersize=7,
            color=colour,
            clip_on=False,
            zorder=6,
        )


def legend(figure: Figure, entries: Sequence[tuple[str, str, str]], columns: int = 3) -> None:
    """A legend below the panels, of (label, colour, dash)."""
    handles = [
        Line2D([], [], color=colour, linestyle=lines.DASHES[dash], label=label)
        for label, colour, dash in entries
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=7.5
    )


def choice_entries(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Legend entries of choices."""
    return [(CHOICES[n].label, light(CHOICES[n].colour), CHOICES[n].dash) for n in names]


def shown(value: float | None) -> str:
    """A number in a cell."""
    return "broke" if value is None or not math.isfinite(value) else number(value)


def save(figure: Figure, folder: Path, name: str, dots_per_inch: int = 110) -> list[Path]:
    """Write PNG and SVG, each whole or not at all."""
    with mpl.rc_context(STYLE):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", facecolor="white", metadata={"Date": None})
        write_atomically(folder / f"{name}.svg", buffer.getvalue())
        write_atomically(folder / f"{name}.png", figures.png(figure, dots_per_inch))
    return [folder / f"{name}.png", folder / f"{name}.svg"]

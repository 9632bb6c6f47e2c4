"""The pictures of the README, drawn from a run's results."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from examples.demo import figures
from examples.demo.plan import CHOICES
from examples.demo.results import Pair, Results, Symmetry, write_atomically
from examples.demo.style import light, model_name, number


def save(results: Results, folder: Path) -> list[Path]:
    """Write demo-curves.png and symmetry-matrix.png; what has no results is left out."""
    written = []
    for name, figure in {
        "demo-curves.png": figures.curves(results),
        "symmetry-matrix.png": matrix(results.pairs),
    }.items():
        if figure is not None:
            write_atomically(folder / name, figures.png(figure))
            written.append(folder / name)
    return written


@mpl.rc_context(figures.STYLE)
def matrix(pairs: list[Pair]) -> Figure | None:
    """One row per choice of norms, one block of columns per backbone, coloured by what holds."""
    checked = [pair for pair in pairs if pair.symmetries]
    if not checked:
        return None
    models = list(dict.fromkeys(pair.model for pair in checked))
    choices = [c for c in CHOICES if any(pair.choice == c for pair in checked)]
    names = [s.name for s in checked[0].symmetries]
    found = {(p.model, p.choice, s.name): s for p in checked for s in p.symmetries}
    width, gap = 1.0, 0.35
    figure = Figure(figsize=(9.6, 0.9 + 0.36 * len(choices)))
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.axis("off")
    left = 1.75
    for column, model in enumerate(models):
        start = left + column * (len(names) * width + gap)
        axis.text(start, 1.35, model_name(model), fontweight="bold", fontsize=9.5, va="bottom")
        for place, name in enumerate(names):
            x = start + place * width
            axis.text(x + width / 2, 0.72, name, ha="center", color=light("soft"), fontsize=7.2)
            for row, choice in enumerate(choices):
                _cell(figure, x, -row, width, found.get((model, choice, name)))
    for row, choice in enumerate(choices):
        axis.text(
            0.05, -row, CHOICES[choice].label, va="center", color=light(choice), fontweight="bold"
        )
    axis.set_xlim(0, left + len(models) * (len(names) * width + gap) - gap + 0.05)
    axis.set_ylim(-len(choices) + 0.35, 2.0)
    return figure


def _cell(figure: Figure, x: float, y: float, width: float, found: Symmetry | None) -> None:
    if found is None:
        return
    kind = "good" if found.holds else "bad"
    axis = figure.axes[0]
    axis.add_patch(
        FancyBboxPatch(
            (x + 0.05, y - 0.38),
            width - 0.1,
            0.76,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=light(f"{kind}-tint"),
            linewidth=0,
        )
    )
    mark = "✓" if found.holds else "✗"
    axis.text(
        x + width / 2,
        y,
        f"{mark} {number(found.error, 2)}",
        ha="center",
        va="center",
        color=light(kind),
        fontsize=7.6,
    )

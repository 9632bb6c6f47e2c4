"""The grid of sizes, depths and rates as tiles: which runs are stable, and how far they came."""

from __future__ import annotations

import math
import textwrap

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from examples.demo.style import light, number
from examples.nbody.reproduce import drawing, rows
from examples.nbody.reproduce.choices import CHOICES


@mpl.rc_context(drawing.STYLE)
def figure(runs: list[rows.Run], base: list[rows.Baseline]) -> Figure:
    """A row for each choice, a block for each size, a tile for each depth and rate."""
    names = [name for name in CHOICES if any(r.choice == name for r in runs)]
    sizes = sorted({r.size for r in runs})
    depths = sorted({r.layers for r in runs})
    rates = sorted({r.rate for r in runs}, reverse=True)
    drawn = Figure(figsize=(9.6, 0.95 + 0.66 * len(names)))
    axis = drawn.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.axis("off")
    left, gap, tall = 3.1, 0.35, 0.5
    found = {(r.choice, r.size, r.layers, r.rate): r for r in runs}
    for block, size in enumerate(sizes):
        start = left + block * (len(depths) + gap)
        still = next((b for b in base if b.size == size), None)
        title = f"N = {size}"
        if still:
            title += f"   no motion {number(still.no_motion)}, x + a·v {number(still.linear)}"
        axis.text(start, 1.32, title, fontsize=7.6, fontweight="bold")
        for column, depth in enumerate(depths):
            axis.text(
                start + column + 0.5,
                0.98,
                f"depth {depth}",
                fontsize=6.8,
                ha="center",
                color=light("soft"),
            )
            for line, name in enumerate(names):
                for part, rate in enumerate(rates):
                    y = -1.25 * line + 0.3 - part * tall
                    run = found.get((name, size, depth, rate))
                    if run is not None:
                        _tile(axis, start + column, y, tall, run, still)
    for line, name in enumerate(names):
        axis.text(
            0.05,
            -1.25 * line + 0.3,
            textwrap.fill(CHOICES[name].label, 24),
            fontsize=7.4,
            va="center",
            color=light(CHOICES[name].colour),
            fontweight="bold",
        )
        for part, rate in enumerate(rates):
            axis.text(
                left - 0.08,
                -1.25 * line + 0.55 - part * tall,
                f"{rate:g}",
                fontsize=6.4,
                ha="right",
                va="center",
                color=light("soft"),
            )
    axis.set_xlim(0, left + len(sizes) * (len(depths) + gap))
    axis.set_ylim(-1.25 * len(names) + 0.75, 1.75)
    return drawn


def _tile(
    axis: Axes, x: float, y: float, tall: float, run: rows.Run, base: rows.Baseline | None
) -> None:
    good = run.stable and run.learnt
    face = light("good-tint") if good else light("bad-tint") if not run.stable else "#fdf3dc"
    axis.add_patch(Rectangle((x + 0.02, y + 0.02), 0.96, tall - 0.04, facecolor=face, linewidth=0))
    text = (
        drawing.shown(run.last_mse)
        if math.isfinite(run.last_mse)
        else f"✕ {run.diverged_step or ''}"
    )
    ink = light("good") if good else light("bad") if not run.stable else "#8a5a00"
    weight = "bold" if base and run.last_mse < base.linear else "normal"
    axis.text(
        x + 0.5,
        y + tall / 2,
        text,
        fontsize=6.8,
        ha="center",
        va="center",
        color=ink,
        fontweight=weight,
    )

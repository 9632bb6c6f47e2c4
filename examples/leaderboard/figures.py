"""The standings as a picture: error against stability, one dot an entry."""

from __future__ import annotations

import io
import math
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from examples.demo.results import Baseline, write_atomically
from examples.leaderboard.standings import Row

COLOURS = {
    "-": "#6b7280",
    "norm": "#d97706",
    "update_norm": "#2563eb",
    "edge_norm": "#7c3aed",
    "feature_norm": "#059669",
    "recipe": "#dc2626",
}
WORST = 1e3


def save(rows: list[Row], baselines: list[Baseline], target: Path) -> None:
    """Draw and write a PNG, whole or not at all: one panel a system size, best on top."""
    count = len(baselines)
    height = 1.2 + 0.17 * len(rows)
    figure = Figure(figsize=(3.1 + 2.6 * count, height), dpi=130, layout="constrained")
    axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for panel, baseline in zip(axes, baselines, strict=True):
        size = baseline.num_particles
        for place, row in enumerate(rows):
            value = row.mse.get(size)
            if value is None:
                continue
            shown = min(value, WORST) if math.isfinite(value) else WORST
            best = row.best[size]
            if best < shown:
                panel.plot([best, shown], [place, place], color=COLOURS[row.slot], lw=1, alpha=0.4)
            panel.scatter(
                shown,
                place,
                s=26,
                marker="o" if shown < WORST else "x",
                color=COLOURS[row.slot],
                alpha=0.35 + 0.65 * row.stable,
                linewidths=1.2,
            )
        panel.axvline(baseline.no_motion, color="#111827", lw=0.8, ls="--")
        panel.axvline(baseline.linear, color="#111827", lw=0.8, ls=":")
        panel.set_xscale("log")
        panel.set_xlim(0.02, 2 * WORST)
        panel.set_title(f"N = {size}", fontsize=9, loc="left", fontweight="bold")
        panel.tick_params(labelsize=7)
        panel.grid(axis="x", color="#e5e7eb", lw=0.6)
        panel.set_axisbelow(True)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
    axes[0].set_yticks(range(len(rows)), [f"{row.name}" for row in rows], fontsize=7)
    for label, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        label.set_color(COLOURS[row.slot])
    axes[0].invert_yaxis()
    figure.supxlabel(
        "test MSE: median over runs (dot; faint: not stable; ×: broke or above 1000), best run "
        "(line end)\n-- no motion   ··· x + a v",
        fontsize=7.5,
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(target, buffer.getvalue())

"""The standings as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import math

from examples.demo.results import Baseline
from examples.leaderboard.standings import Row


def markdown(rows: list[Row], baselines: list[Baseline]) -> str:
    """A table for the README and the docs, the trivial predictions in its last lines."""
    sizes = [baseline.num_particles for baseline in baselines]
    head = ["configuration", "slot", "stable", "learnt"]
    head += [f"N={size} median" for size in sizes] + [f"N={sizes[0]} best", "time", "runs"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in rows:
        cells = [row.name, row.slot, f"{row.stable:.0%}", f"{row.learnt:.0%}"]
        cells += [error(row.mse.get(size)) for size in sizes]
        cells += [error(row.best.get(sizes[0]))]
        cells += ["-" if row.cost is None else f"{row.cost:.2f}", str(row.runs)]
        lines.append("| " + " | ".join(cells) + " |")
    for name, values in (
        ("*no motion*", [b.no_motion for b in baselines]),
        ("*x + a v, a fitted*", [b.linear for b in baselines]),
    ):
        numbers = [error(value) for value in values]
        lines.append("| " + " | ".join([name, "", "", "", *numbers, "", "", ""]) + " |")
    return "\n".join(lines) + "\n"


def as_csv(rows: list[Row], baselines: list[Baseline]) -> str:
    """The same numbers for a spreadsheet."""
    sizes = [baseline.num_particles for baseline in baselines]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["configuration", "slot", "runs", "stable", "learnt", "time_over_no_norm"]
        + [f"mse_median_n{size}" for size in sizes]
        + [f"mse_best_n{size}" for size in sizes]
    )
    for row in rows:
        writer.writerow(
            [row.name, row.slot, row.runs, row.stable, row.learnt, row.cost]
            + [row.mse.get(size) for size in sizes]
            + [row.best.get(size) for size in sizes]
        )
    return out.getvalue()


def error(value: float | None) -> str:
    """A mean squared error in four characters or so."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "broke"
    return f"{value:.3f}" if value < 10 else f"{value:.0f}" if value < 1e4 else f"{value:.0e}"

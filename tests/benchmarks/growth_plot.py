"""The picture of the scaling measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

# Told apart without colour too: each has a marker of its own, and peers are dashed.
STYLES = {
    "egnn_vel": ("egnn_vel, compiled", "#0072b2", "o", "-"),
    "egnn_vel, torch": ("egnn_vel, torch", "#56b4e9", "s", "-"),
    "tfn": ("tfn", "#009e73", "^", "-"),
    "official EGNN": ("official EGNN", "#d55e00", "D", "--"),
    "egnn-pytorch": ("egnn-pytorch, dense", "#cc79a7", "v", "--"),
    "egnn-pytorch, edges": ("egnn-pytorch, edges", "#e69f00", "x", "--"),
}
TITLES = {"cutoff": "cutoff graph, 20 neighbours", "complete": "complete graph"}
PANELS = (("seconds", "processor time of a step [s]"), ("MiB", "peak memory of a step [MiB]"))


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Time and memory, cutoff and complete graph, to ``path`` as PNG and SVG."""
    plt.rcParams["svg.hashsalt"] = "growth"  # the same file from the same numbers
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), sharex="col", constrained_layout=True)
    for column, kind in enumerate(TITLES):
        own = [r for r in rows if r["graph"] == kind]
        for line, (key, label) in enumerate(PANELS):
            _panel(axes[line, column], own, key)
            axes[line, 0].set_ylabel(label)
        _guide(axes[0, column], own, 1 if kind == "cutoff" else 2)
        axes[0, column].set_title(TITLES[kind])
        axes[1, column].set_xlabel("nodes N")
    lines = {h.get_label(): h for a in axes.flat for h in a.get_legend_handles_labels()[0]}
    figure.legend(lines.values(), lines, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path.with_suffix(".png"), dpi=130)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    plt.close(figure)


def _panel(ax: Axes, rows: list[dict[str, Any]], key: str) -> None:
    for model, (label, colour, marker, dashes) in STYLES.items():
        own = [r for r in rows if r["model"] == model and r[key] > 0]
        if own:
            ax.plot(
                [r["nodes"] for r in own],
                [r[key] for r in own],
                color=colour,
                marker=marker,
                linestyle=dashes,
                markersize=5,
                label=label,
            )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(alpha=0.3)


def _guide(ax: Axes, rows: list[dict[str, Any]], power: int) -> None:
    """A grey line of the slope that the number of edges has."""
    own = [r for r in rows if r["model"] == "egnn_vel, torch"] or rows
    if not own:
        return
    last, sizes = own[-1], [r["nodes"] for r in own[len(own) // 2 :]]
    below = [0.3 * last["seconds"] * (n / last["nodes"]) ** power for n in sizes]
    ax.plot(sizes, below, color="0.5", linewidth=1, linestyle=":")
    ax.annotate(f"N$^{power}$" if power > 1 else "N", (sizes[-1], below[-1]), color="0.4")

"""Figures: the test error of every network beside those without one."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from examples.demo import figures
from examples.demo.results import write_atomically
from examples.demo.style import light
from examples.nbody.real.rows import Base, Row

TITLES = {
    "argon": "liquid argon, periodic box",
    "argon-open": "the same atoms as an open droplet",
    "adk-ca": "AdK, 214 C-alpha",
    "adk-backbone": "AdK, 855 backbone atoms",
}
COLOURS = {"none": "none", "geonorm": "geonorm", "single": "layernorm", "recipe": "recommended"}
BASES = {
    "no_motion": "no motion",
    "linear": "x + t·v",
    "linear_fitted": "x + a·v",
    "quadratic_fitted": "x + a·v + b·F",
}
MARKS = {4: "o", 8: "s"}


def draw(rows: Sequence[Row], bases: Sequence[Base], path: Path) -> None:
    """One panel for each set of data, as PNG and SVG.

    Args:
        rows: networks.
        bases: predictions without one.
        path: of the files, without suffix.
    """
    names = [name for name in TITLES if any(row.data == name for row in rows)]
    heights = [len(dict.fromkeys(r.entry for r in rows if r.data == n)) for n in names]
    with mpl.rc_context(figures.STYLE):
        figure = Figure(figsize=(8.0, 1.6 * len(names) + 0.24 * sum(heights)), layout="constrained")
        axes = figure.subplots(
            len(names), 1, squeeze=False, gridspec_kw={"height_ratios": [h + 2 for h in heights]}
        )
        for panel, name in zip(axes[:, 0], names, strict=True):
            chosen = [row for row in rows if row.data == name]
            _panel(panel, TITLES[name], chosen, [b for b in bases if b.data == name])
        depths = sorted({row.layers for row in rows})
        handles = [
            Line2D([], [], color=light("ink"), marker=MARKS.get(d, "^"), ls="", label=f"{d} layers")
            for d in depths
        ]
        handles.append(Line2D([], [], color=light("ink"), marker="x", ls="", label="diverged"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        for kind in ("png", "svg"):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=120)
            write_atomically(path.with_suffix(f".{kind}"), buffer.getvalue())


def _panel(panel: Axes, title: str, rows: Sequence[Row], bases: Sequence[Base]) -> None:
    entries = list(dict.fromkeys(row.entry for row in rows))
    values = [row.test_mse for row in rows if row.test_mse is not None]
    top = 30 * max(base.mse for base in bases)
    low = 0.5 * min([*values, *(base.mse for base in bases)])
    for index, name in enumerate(entries):
        for row in (r for r in rows if r.entry == name):
            colour = light(COLOURS[row.family])
            place = len(entries) - 1 - index
            if row.status == "refused":
                panel.text(top / 1.1, place, "refused", ha="right", va="center", color=light("bad"))
                continue
            shown = top if row.test_mse is None else min(row.test_mse, top)
            broke = row.status == "diverged"
            panel.plot(
                shown,
                place + (0.15 if row.layers == 4 else -0.15),
                marker="x" if broke else MARKS.get(row.layers, "^"),
                color=colour,
                fillstyle="full" if row.stable else "none",
                markersize=6,
                clip_on=False,
            )
    for base in bases:
        panel.axvline(base.mse, color=light("soft"), linewidth=0.8, linestyle="dashed")
    for first, names in _labels(bases):
        panel.annotate(
            names,
            (first, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            rotation=20,
            fontsize=7,
            color=light("soft"),
        )
    panel.set_xscale("log")
    panel.set_xlim(low, top)
    panel.set_ylim(-0.7, len(entries) - 0.3)
    panel.set_yticks(range(len(entries)), entries[::-1])
    panel.set_xlabel("test MSE, Å² (hollow: not stable)" if math.isfinite(low) else "")
    panel.set_title(title, loc="left", pad=34)
    panel.grid(axis="x", alpha=0.3)


def _labels(bases: Sequence[Base]) -> list[tuple[float, str]]:
    """Names of the lines from left to right; those too near one another share a label."""
    found: list[tuple[float, str]] = []
    for base in sorted(bases, key=lambda b: b.mse):
        if found and base.mse < 1.7 * found[-1][0]:
            first, names = found.pop()
            found.append((first, f"{names} | {BASES[base.name]}"))
        else:
            found.append((base.mse, BASES[base.name]))
    return found

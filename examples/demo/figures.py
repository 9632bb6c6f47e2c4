"""The figures, drawn once: as SVG that takes the page's colours, or as PNG."""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from examples.demo.plan import CHOICES
from examples.demo.results import Growth, Results, Run
from examples.demo.style import VARIABLES, light, model_name, number

Line = tuple[float, str, str]  # last y, label, colour

STYLE = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": light("rule"),
    "axes.labelcolor": light("soft"),
    "axes.titlecolor": light("ink"),
    "xtick.color": light("soft"),
    "ytick.color": light("soft"),
    "text.color": light("ink"),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "eqnorm",
}


@mpl.rc_context(STYLE)
def curves(results: Results) -> Figure | None:
    """Test error against training step, a panel for each backbone and number of particles."""
    groups = [g for g in _groups(results) if g != "deep" and not g.endswith("-last")]
    groups.sort(key=lambda g: (g.startswith("tfn"), _runs(results, g)[0].num_particles))
    if not groups:
        return None
    rows = math.ceil(len(groups) / 2)
    figure, axes = _grid(rows, min(2, len(groups)), height=3.1)
    for axis, group in zip(axes, groups, strict=False):
        chosen = _runs(results, group)
        first = chosen[0]
        axis.set_title(f"{model_name(first.model)}, {first.num_particles} particles", pad=8)
        ends = [end for run in chosen if (end := _curve(axis, run))]
        _baselines(axis, results, first.num_particles)
        _finish(axis, "training step", "mean squared error" if axis in axes[::2] else "")
        _label_ends(axis, ends)
    for axis in axes[len(groups) :]:
        axis.set_visible(False)
    return figure


@mpl.rc_context(STYLE)
def deep(results: Results) -> Figure | None:
    """A deep network: its training error, and how numbers grow in it before any training."""
    chosen = _runs(results, "deep")
    sizes = sorted({g.num_particles for g in results.growth})[-2:]
    count = bool(chosen) + len(sizes)
    if not count:
        return None
    figure, axes = _grid(1, count, height=3.2)
    if chosen:
        axis = axes[0]
        axis.set_title(f"{chosen[0].num_particles} particles, {chosen[0].layers} layers", pad=8)
        ends = [end for run in chosen if (end := _training_curve(axis, run))]
        _finish(axis, "training step", "training error (MSE)")
        _label_ends(axis, ends)
    for axis, size in zip(axes[bool(chosen) :], sizes, strict=True):
        axis.set_title(f"untrained, {size} particles", pad=8)
        grown = [g for g in results.growth if g.num_particles == size]
        ends = [end for each in grown if (end := _growth_curve(axis, each))]
        _finish(axis, "layer", "largest number put out" if size == sizes[0] else "")
        _label_ends(axis, ends)
    return figure


def svg(figure: Figure) -> str:
    """Inline SVG whose text is text and whose colours follow the page, light or dark."""
    with mpl.rc_context(STYLE):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for name, (colour, _) in VARIABLES.items():
        drawing = drawing.replace(colour, f"var(--{name})")
    drawing = re.sub(r"font: ([^;\"]*?)(\d[\d.]*px) [^;\"]*", r"font: \1\2 var(--sans)", drawing)
    # Ids are the same in every drawing of matplotlib's: make them this one's own.
    tag = f"f{zlib.crc32(drawing.encode()):08x}"
    drawing = re.sub(r'(id="|xlink:href="#|url\(#)', rf"\1{tag}-", drawing)
    return re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", drawing, count=1)


def png(figure: Figure, dots_per_inch: int = 110) -> bytes:
    """PNG on white."""
    with mpl.rc_context(STYLE):
        buffer = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(buffer, format="png", dpi=dots_per_inch, facecolor="white")
    return buffer.getvalue()


def _grid(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9.6, height * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # type: ignore[union-attr]
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def _curve(axis: Axes, run: Run) -> Line | None:
    points = [(s, y) for s, y in zip(run.test_steps, run.test_mse, strict=True) if y is not None]
    if not points:
        return None
    colour = light(run.choice)
    train = [math.nan if y is None else y for y in run.train_mse]
    axis.plot(range(1, len(train) + 1), train, color=colour, alpha=0.22, linewidth=0.7)
    steps, errors = zip(*points, strict=True)
    axis.plot(steps, errors, color=colour, linewidth=1.9, solid_capstyle="round")
    _mark_divergence(axis, run, steps[-1], errors[-1])
    return errors[-1], CHOICES[run.choice].label, colour


def _training_curve(axis: Axes, run: Run) -> Line | None:
    points = [(s, y) for s, y in enumerate(run.train_mse, start=1) if y is not None]
    if not points:
        return None
    steps, errors = zip(*points, strict=True)
    dashes: Any = "-" if run.key.endswith("sum") else (0, (4, 2))
    axis.plot(steps, errors, color=light(run.choice), linewidth=1.7, linestyle=dashes)
    _mark_divergence(axis, run, steps[-1], errors[-1])
    label = CHOICES[run.choice].label
    if run.choice != "recommended":
        label += ", " + ("summed" if run.key.endswith("sum") else "averaged")
    return errors[-1], label, light(run.choice)


def _growth_curve(axis: Axes, each: Growth) -> Line | None:
    values = [v for v in each.largest if v is not None]
    if not values:
        return None
    dashes: Any = "-" if "summed" in each.label or each.choice != "none" else (0, (4, 2))
    axis.plot(range(1, len(values) + 1), values, color=light(each.choice), linestyle=dashes)
    short = {"messages and coordinates summed": "summed", "coordinates averaged": "averaged"}
    name = CHOICES[each.choice].label
    return (
        values[-1],
        f"{name}, {short[each.label]}" if each.label in short else name,
        light(each.choice),
    )


def _mark_divergence(axis: Axes, run: Run, step: float, error: float) -> None:
    if run.status != "diverged":
        return
    axis.plot([step], [error], marker="X", markersize=9, color=light("bad"), zorder=5)
    axis.annotate(
        f"NaN at step {run.diverged_step}",
        (step, error),
        xytext=(9, 0),
        textcoords="offset points",
        color=light("bad"),
        va="center",
        fontweight="bold",
    )


def _baselines(axis: Axes, results: Results, size: int) -> None:
    for found in results.baselines:
        if found.num_particles == size:
            for value, label in ((found.no_motion, "no motion"), (found.linear, "x + a·v")):
                axis.axhline(value, color=light("soft"), linewidth=0.9, linestyle=(0, (1.5, 2.5)))
                axis.annotate(
                    f"{label}  {number(value)}",
                    (0.995, value),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 3),
                    textcoords="offset points",
                    ha="right",
                    color=light("soft"),
                    fontsize=7.5,
                )


def _finish(axis: Axes, x: str, y: str) -> None:
    axis.set_yscale("log")
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 1)))
    axis.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axis.grid(axis="y", color=light("rule"), linewidth=0.6)
    axis.tick_params(which="both", length=0)
    axis.set_axisbelow(True)


def _label_ends(axis: Axes, ends: Sequence[Line]) -> None:
    """Name each line at its end, moved apart where the names would overlap."""
    low, high = (math.log10(y) for y in axis.get_ylim())
    gap, last = 0.075, -1.0
    for value, label, colour in sorted(ends):
        place = max((math.log10(max(value, 1e-30)) - low) / (high - low), last + gap)
        last = place
        axis.annotate(
            f"{label}  {number(value)}",
            (1.015, place),
            xycoords="axes fraction",
            color=colour,
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )


def _groups(results: Results) -> list[str]:
    return list(dict.fromkeys(run.group for run in results.runs))


def _runs(results: Results, group: str) -> list[Run]:
    return [run for run in results.runs if run.group == group]

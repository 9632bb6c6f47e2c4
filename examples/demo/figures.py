"""The figures, drawn once: as SVG that takes the page's colours, or as PNG."""

from __future__ import annotations

import io
import math
import re
import zlib

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from examples.demo import lines
from examples.demo.lines import End
from examples.demo.plan import CHOICES
from examples.demo.results import Growth, Results, Run
from examples.demo.style import VARIABLES, light, model_name

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
    groups = main_groups(results)
    if not groups:
        return None
    figure, axes = _grid(math.ceil(len(groups) / 2), min(2, len(groups)), height=3.0)
    for axis, group in zip(axes, groups, strict=False):
        chosen = [run for run in results.runs if run.group == group]
        first = chosen[0]
        ends: list[End | None] = [_curve(axis, run) for run in chosen]
        for base in results.baselines:
            if base.num_particles == first.num_particles:
                ends += [
                    lines.level(axis, base.no_motion, "no motion"),
                    lines.level(axis, base.linear, "x + a·v"),
                ]
        # Batches of a training that is about to explode would press all else into one line.
        shown = [y for run in chosen for y in run.test_mse if y is not None and y < 1e3]
        lines.limit_to(axis, [*shown, *(end.value for end in ends if end and end.italic)])
        title = f"{model_name(first.model)}, {first.num_particles} particles"
        label = "mean squared error" if axis in axes[::2] else ""
        lines.finish(axis, title, "training step", label, ends)
    for axis in axes[len(groups) :]:
        axis.set_visible(False)
    return figure


@mpl.rc_context(STYLE)
def deep(results: Results) -> Figure | None:
    """A deep network: its training error, and how numbers grow in it before any training."""
    chosen = [run for run in results.runs if run.group == "deep"]
    largest = max((g.num_particles for g in results.growth), default=None)
    count = bool(chosen) + (largest is not None)
    if not count:
        return None
    figure, axes = _grid(1, count, height=3.2)
    if chosen:
        title = f"training, {chosen[0].num_particles} particles, {chosen[0].layers} layers"
        ends = [_training_curve(axes[0], run) for run in chosen]
        lines.finish(axes[0], title, "training step", "training error (MSE)", ends)
    if largest is not None:
        grown = [g for g in results.growth if g.num_particles == largest]
        ends = [_growth_curve(axes[-1], each) for each in grown]
        title = f"before training, {largest} particles"
        lines.finish(axes[-1], title, "layer", "largest number put out", ends)
    return figure


def main_groups(results: Results) -> list[str]:
    """Groups of runs that the paper's norms share: by backbone, then by size."""
    first = {run.group: run for run in reversed(results.runs)}
    groups = [g for g in first if g != "deep" and not g.endswith("-last")]
    return sorted(groups, key=lambda g: (g.startswith("tfn"), first[g].num_particles))


def section(title: str, figure: Figure | None, caption: str) -> str:
    """A heading, the figure and what it shows, as HTML; nothing without a figure."""
    if figure is None:
        return ""
    return f"<h2>{title}</h2><figure>{svg(figure)}<figcaption>{caption}</figcaption></figure>"


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


def png(figure: Figure, dots_per_inch: int = 100) -> bytes:
    """PNG on white, in 256 colours: a third of the size."""
    with mpl.rc_context(STYLE):
        drawn, small = io.BytesIO(), io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(drawn, format="png", dpi=dots_per_inch, facecolor="white")
    # Not the default method: it merges the colours of thin lines and small letters.
    fewer = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    fewer.save(small, format="png", optimize=True)
    return small.getvalue()


def _grid(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9.6, height * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # type: ignore[union-attr]
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def _curve(axis: Axes, run: Run) -> End | None:
    train = [math.nan if y is None else y for y in run.train_mse]
    steps = range(1, len(train) + 1)
    axis.plot(steps, train, color=light(run.choice), alpha=0.22, linewidth=0.7)
    points = lines.finite_points(run.test_steps, run.test_mse)
    return lines.draw(axis, points, CHOICES[run.choice].label, run.choice, broken=_broken(run))


def _training_curve(axis: Axes, run: Run) -> End | None:
    points = lines.finite_points(range(1, len(run.train_mse) + 1), run.train_mse)
    label, kind = CHOICES[run.choice].label, "solid"
    if not run.key.endswith("sum"):
        kind = "dashed"
    if run.choice == "none":
        label += ", summed" if kind == "solid" else ", averaged"
    return lines.draw(axis, points, label, run.choice, kind=kind, broken=_broken(run))


def _growth_curve(axis: Axes, each: Growth) -> End | None:
    points = lines.finite_points(range(1, len(each.largest) + 1), each.largest)
    summed = "summed" in each.label
    label = CHOICES[each.choice].label
    if each.choice == "none":
        label += ", summed" if summed else ", averaged"
    broken = "" if len(points) == len(each.largest) else "then overflow"
    kind = "dashed" if "averaged" in each.label else "solid"
    return lines.draw(axis, points, label, each.choice, kind=kind, broken=broken)


def _broken(run: Run) -> str:
    return f"NaN at step {run.diverged_step}" if run.status == "diverged" else ""

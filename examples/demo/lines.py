"""Lines on a logarithmic axis, each named at its end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from examples.demo.style import light, number

DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (4, 2)), "dotted": (0, (1.5, 2.5))}
LABEL_GAP = 0.078  # of the height of a panel


class End(NamedTuple):
    """The end of a line and what to write there."""

    value: float
    label: str
    colour: str
    italic: bool = False


def finite_points(x: Iterable[float], y: Iterable[float | None]) -> list[tuple[float, float]]:
    """The points of a curve that are there."""
    return [(a, b) for a, b in zip(x, y, strict=True) if b is not None]


def draw(
    axis: Axes,
    points: Sequence[tuple[float, float]],
    label: str,
    choice: str,
    *,
    kind: str = "solid",
    broken: str = "",
) -> End | None:
    """A line; ``broken`` says why it ends early, and marks its end with a cross."""
    if not points:
        return None
    x, y = zip(*points, strict=True)
    colour = light(choice)
    axis.plot(x, y, color=colour, linewidth=1.9, linestyle=DASHES[kind], solid_capstyle="round")
    if broken:
        axis.plot(x[-1:], y[-1:], marker="X", markersize=8.5, color=light("bad"), zorder=5)
    return End(y[-1], f"{label}  {broken or number(y[-1])}", colour)


def level(axis: Axes, value: float, label: str) -> End:
    """A dotted line across the panel."""
    axis.axhline(value, color=light("soft"), linewidth=0.9, linestyle=DASHES["dotted"])
    return End(value, f"{label}  {number(value)}", light("soft"), italic=True)


def finish(axis: Axes, title: str, x: str, y: str, ends: Sequence[End | None]) -> None:
    """Axes, grid, title, and the names of the lines."""
    axis.set_title(title, pad=8)
    axis.set_yscale("log")
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.yaxis.set_major_locator(LogLocator(numticks=7))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 1)))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(axis="y", color=light("rule"), linewidth=0.6)
    axis.tick_params(which="both", length=0)
    axis.set_axisbelow(True)
    name_ends(axis, [end for end in ends if end is not None])


def limit_to(axis: Axes, values: Iterable[float]) -> None:
    """Fit the axis to these values, and let what is drawn beside them leave the frame."""
    kept = [value for value in values if value > 0]
    if kept:
        axis.set_ylim(min(kept) / 1.6, max(kept) * 1.6)


def name_ends(axis: Axes, ends: Sequence[End]) -> None:
    """Write each line's name at its end, moved apart where names would overlap."""
    low, high = (math.log10(y) for y in axis.get_ylim())
    ordered = sorted(ends)
    wanted = [(math.log10(max(e.value, 1e-30)) - low) / (high - low) for e in ordered]
    for end, place in zip(ordered, spread_out(wanted), strict=True):
        axis.annotate(
            end.label,
            (1.015, place),
            xycoords="axes fraction",
            color=end.colour,
            style="italic" if end.italic else "normal",
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )


def spread_out(places: Sequence[float], gap: float = LABEL_GAP, top: float = 0.98) -> list[float]:
    """Ascending places moved as little as needed to be ``gap`` apart and below ``top``."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = top
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved

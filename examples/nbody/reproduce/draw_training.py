"""Figures 2 and 5: training curves of the paper's configurations, with what needs no network."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure

from examples.demo.style import light
from examples.nbody.reproduce import drawing, rows
from examples.nbody.reproduce.choices import CHOICES

DEPTHS = {1: "#7fcdbb", 2: "#7fcdbb", 3: "#41b6c4", 5: "#1d91c0", 8: "#225ea8", 10: "#0c2c84"}
SIZES = {20: "#fdae61", 50: "#f46d43", 100: "#a50026"}
TOP = 1e4  # of the frame: above it the numbers tell nothing
BOTTOM = 0.03


@mpl.rc_context(drawing.STYLE)
def figure_2(points: list[rows.Point], base: list[rows.Baseline]) -> Figure:
    """By depth at each size, and by size at the smallest depth; sums above, means below."""
    sizes = sorted({p.size for p in points})
    shallow = min({p.layers for p in points if p.size == sizes[-1]})
    by_depth = sizes[:2]
    figure, axes = drawing.panels(2, len(by_depth) + 1)
    for line, choice in zip(axes, ("sum", "mean"), strict=True):
        how = "summed (Eq. 2)" if choice == "sum" else "averaged"
        mine = [p for p in points if p.choice == choice]
        for panel, size in zip(line, by_depth, strict=False):
            for depth in sorted({p.layers for p in mine if p.size == size}):
                chosen = [p for p in mine if (p.size, p.layers) == (size, depth)]
                _seeds(panel, chosen, DEPTHS.get(depth, "#000000"))
            drawing.baselines(panel, [b for b in base if b.size == size])
            _frame(panel, f"N = {size}, by depth; {how}", left=panel is line[0])
        for size in sizes:
            chosen = [p for p in mine if (p.size, p.layers) == (size, shallow)]
            _seeds(line[-1], chosen, SIZES.get(size, "#000000"))
        drawing.baselines(line[-1], base)
        _frame(line[-1], f"depth {shallow}, by N; {how}", left=False)
    depths = sorted({p.layers for p in points})
    entries = [(f"depth {d}", DEPTHS.get(d, "#000000"), "solid") for d in depths]
    entries += [(f"N = {n}", SIZES.get(n, "#000000"), "solid") for n in sizes]
    drawing.legend(figure, entries, columns=len(entries))
    return figure


@mpl.rc_context(drawing.STYLE)
def figure_5(points: list[rows.Point], base: list[rows.Baseline]) -> Figure:
    """A row for each configuration, a column for each rate; every seed a line."""
    places = sorted({(p.size, p.layers) for p in points})
    rates = sorted({p.rate for p in points}, reverse=True)
    names = [name for name in CHOICES if any(p.choice == name for p in points)]
    figure, axes = drawing.panels(len(places), len(rates), width=4.6)
    for line, (size, layers) in zip(axes, places, strict=True):
        for panel, rate in zip(line, rates, strict=True):
            for name in names:
                chosen = [
                    p
                    for p in points
                    if (p.choice, p.size, p.layers, p.rate) == (name, size, layers, rate)
                ]
                _seeds(panel, chosen, light(CHOICES[name].colour), CHOICES[name].dash)
            drawing.baselines(panel, [b for b in base if b.size == size])
            _frame(panel, f"N = {size}, depth {layers}, rate {rate:g}", left=panel is line[0])
    drawing.legend(figure, drawing.choice_entries(names), columns=2)
    return figure


def _seeds(
    panel: mpl.axes.Axes, points: list[rows.Point], colour: str, dash: str = "solid"
) -> None:
    for seed in sorted({p.seed for p in points}):
        for rate in sorted({p.rate for p in points}):
            drawing.curve(
                panel,
                [p for p in points if (p.seed, p.rate) == (seed, rate)],
                colour,
                dash=dash,
                top=TOP,
            )


def _frame(panel: mpl.axes.Axes, title: str, *, left: bool) -> None:
    drawing.axis(panel, title, "training step", "training error (MSE)" if left else "")
    panel.set_ylim(BOTTOM, TOP)
    panel.set_xlim(left=0)

"""Trajectories in three dimensions: predicted step after step, and true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D  # registers the projection

from examples.demo.style import light
from examples.nbody.reproduce import drawing, rows

CHARGES = {1.0: "#b3261e", -1.0: "#0072b2"}
assert Axes3D.name == "3d"


@mpl.rc_context(drawing.STYLE)
def figure(paths: Sequence[rows.Path3], titles: dict[str, str], columns: int = 3) -> Figure:
    """A panel for each choice: true paths as lines, predicted ones as dots; red +, blue -.

    Args:
        paths: of one system; those of "true" are drawn in every panel.
        titles: choices, and what to write above each panel.
        columns: panels in a row.
    """
    names = [name for name in titles if any(p.choice == name for p in paths)]
    count = max(1, math.ceil(len(names) / columns))
    drawn = Figure(figsize=(3.2 * columns, 3.3 * count), layout="constrained")
    true = _by_particle(paths, "true")
    corners = [value for p in paths if p.choice == "true" for value in (p.x, p.y, p.z)]
    reach = max((abs(value) for value in corners), default=1.0)
    for index, name in enumerate(names):
        panel = drawn.add_subplot(count, columns, index + 1, projection="3d")
        panel.set_title(titles[name], fontsize=8.5)
        for steps in true.values():
            colour = CHARGES.get(steps[0].charge, "#000000")
            panel.plot(*_columns(steps), color=colour, linewidth=0.9, alpha=0.55)
            panel.scatter(*_columns(steps[:1]), color=colour, s=5, alpha=0.55)
        for particle, steps in _by_particle(paths, name).items():
            colour = CHARGES.get(steps[0].charge, "#000000")
            kept = [s for s in steps if max(abs(s.x), abs(s.y), abs(s.z)) <= 1.3 * reach]
            panel.scatter(*_columns(kept), color=colour, s=7, marker="x", linewidths=0.7)
            last = true[particle][-1]
            if kept and kept[-1] is steps[-1]:
                gap = _columns([steps[-1], last])
                panel.plot(*gap, color=light("soft"), linewidth=0.6, linestyle=":")
        for set_limit in (panel.set_xlim, panel.set_ylim, panel.set_zlim):
            set_limit(-reach, reach)
        for axis in (panel.xaxis, panel.yaxis, panel.zaxis):
            axis.set_tick_params(labelsize=6)
            axis.set_pane_color((1, 1, 1, 0))
    return drawn


def _by_particle(paths: Sequence[rows.Path3], name: str) -> dict[int, list[rows.Path3]]:
    found: dict[int, list[rows.Path3]] = {}
    for path in sorted((p for p in paths if p.choice == name), key=lambda p: p.step):
        found.setdefault(path.particle, []).append(path)
    return found


def _columns(steps: Sequence[rows.Path3]) -> tuple[list[float], list[float], list[float]]:
    return [s.x for s in steps], [s.y for s in steps], [s.z for s in steps]

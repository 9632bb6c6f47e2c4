"""The longer runs: error, rollouts, transfer to other sizes, permutations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.demo import lines
from examples.demo.style import light
from examples.nbody.reproduce import drawing, rows
from examples.nbody.reproduce.choices import CHOICES


@mpl.rc_context(drawing.STYLE)
def errors(
    runs: list[rows.Run],
    vanilla: dict[int, float],
    transfers: list[rows.Transfer],
    permuted: list[rows.Permuted],
    base: list[rows.Baseline],
) -> Figure:
    """Test errors; errors at other sizes; defects under permutations."""
    drawn, axes = drawing.panels(1, 3, width=3.6, height=3.4)
    _errors(axes[0][0], runs, vanilla, base)
    _transfer(axes[0][1], transfers, base)
    _permuted(axes[0][2], permuted)
    names = {r.choice for r in runs} | {p.choice for p in permuted}
    drawing.legend(drawn, drawing.choice_entries([n for n in CHOICES if n in names]), columns=2)
    return drawn


@mpl.rc_context(drawing.STYLE)
def rollouts(steps: list[rows.Step]) -> Figure:
    """A row for each size: error, energy, centre of mass, against the number of steps."""
    sizes = sorted({s.size for s in steps})
    drawn, axes = drawing.panels(len(sizes), 3)
    names = [n for n in CHOICES if any(s.choice == n for s in steps)]
    for line, size in zip(axes, sizes, strict=True):
        mine = [s for s in steps if s.size == size]
        for panel, (what, label) in zip(
            line,
            (("error", "MSE"), ("energy", "energy drift"), ("centre", "drift of the centre")),
            strict=True,
        ):
            for name in names:
                _line(panel, [s for s in mine if s.choice == name], what, name)
            one = [s for s in mine if (s.choice, s.seed) == (mine[0].choice, mine[0].seed)]
            _references(panel, one, what)
            drawing.axis(panel, f"N = {size}: {label}", "predictions in a row", "")
            panel.set_ylim(top=min(panel.get_ylim()[1], 1e3))
    drawing.legend(drawn, drawing.choice_entries(names), columns=2)
    return drawn


def _line(panel: Axes, steps: Sequence[rows.Step], what: str, name: str) -> None:
    for seed in sorted({s.seed for s in steps}):
        chosen = [s for s in steps if s.seed == seed and s.step > 0]
        kept = [(s.step, getattr(s, what)) for s in chosen if math.isfinite(getattr(s, what))]
        if kept:
            x, y = zip(*kept, strict=True)
            panel.plot(
                x,
                y,
                color=light(CHOICES[name].colour),
                linestyle=lines.DASHES[CHOICES[name].dash],
                linewidth=1.4,
                marker="o",
                markersize=2,
            )


def _references(panel: Axes, steps: Sequence[rows.Step], what: str) -> None:
    wanted = {"error": (("no_motion", "no motion"), ("ballistic", "x + a·v"))}
    wanted["energy"] = (("true_energy", "the simulator's own"),)
    for name, label in wanted.get(what, ()):
        later = [s for s in steps if s.step > 0]
        values = [getattr(s, name) for s in later]
        panel.plot(
            [s.step for s in later], values, color=light("soft"), linewidth=0.9, linestyle=":"
        )
        panel.annotate(
            label,
            (later[-1].step, values[-1]),
            fontsize=6.5,
            style="italic",
            color=light("soft"),
            ha="right",
            va="bottom" if name != "ballistic" else "top",
        )


def _errors(
    panel: Axes, runs: list[rows.Run], vanilla: dict[int, float], base: list[rows.Baseline]
) -> None:
    sizes = sorted({r.size for r in runs})
    names = [n for n in CHOICES if any(r.choice == n for r in runs)]
    for place, size in enumerate(sizes):
        for offset, name in enumerate(names):
            values = [r.test_mse for r in runs if (r.size, r.choice) == (size, name)]
            finite = [v for v in values if v is not None and math.isfinite(v)]
            x = place + 0.12 * (offset - (len(names) - 1) / 2)
            marker = {"solid": "o", "dashed": "v", "dotted": "s"}[CHOICES[name].dash]
            panel.scatter(
                [x] * len(finite), finite, s=22, color=light(CHOICES[name].colour), marker=marker
            )
        each = next(b for b in base if b.size == size)
        for value, dash in ((each.no_motion, "dashed"), (each.linear, "dotted")):
            panel.plot(
                [place - 0.42, place + 0.42],
                [value] * 2,
                color=light("soft"),
                linewidth=0.9,
                linestyle=lines.DASHES[dash],
            )
        if size in vanilla:
            panel.plot(
                [place - 0.42, place + 0.42], [vanilla[size]] * 2, color=light("bad"), linewidth=0.9
            )
    drawing.axis(panel, "test error; red: best without a norm", "", "mean squared error")
    panel.set_xticks(range(len(sizes)), [f"N = {n}" for n in sizes])


def _transfer(panel: Axes, transfers: list[rows.Transfer], base: list[rows.Baseline]) -> None:
    tested = sorted({t.tested for t in transfers})
    for name in [n for n in CHOICES if any(t.choice == n for t in transfers)]:
        for seed in sorted({t.seed for t in transfers}):
            kept = [
                (tested.index(t.tested), t.mse)
                for t in transfers
                if t.choice == name
                and t.seed == seed
                and t.mse is not None
                and math.isfinite(t.mse)
            ]
            if kept:
                x, y = zip(*kept, strict=True)
                choice = CHOICES[name]
                panel.plot(
                    x,
                    y,
                    marker="o",
                    markersize=3.5,
                    color=light(choice.colour),
                    linestyle=lines.DASHES[choice.dash],
                    linewidth=1.3,
                )
    for name, label in (("no_motion", "no motion"), ("linear", "x + a·v fitted there")):
        values = [getattr(next(b for b in base if b.size == n), name) for n in tested]
        panel.plot(range(len(tested)), values, color=light("soft"), linewidth=0.9, linestyle=":")
        panel.annotate(
            label, (0, values[0]), fontsize=6.5, style="italic", color=light("soft"), va="bottom"
        )
    trained = transfers[0].trained if transfers else 0
    drawing.axis(panel, f"trained on N = {trained}, tested on others", "", "")
    panel.set_xticks(range(len(tested)), [f"N = {n}" for n in tested])


def _permuted(panel: Axes, permuted: list[rows.Permuted]) -> None:
    names = [n for n in CHOICES if any(p.choice == n for p in permuted)]
    for place, name in enumerate(names):
        values = [p.defect for p in permuted if p.choice == name]
        panel.scatter(
            [place] * len(values),
            [max(v, 1e-17) for v in values],
            s=22,
            color=light(CHOICES[name].colour),
        )
        middle = statistics.median(values)
        panel.annotate(
            drawing.number(middle, 2),
            (place, middle),
            fontsize=6.5,
            xytext=(5, 3),
            textcoords="offset points",
        )
    drawing.axis(panel, "defect under permutations", "", "|f(Px) − P f(x)|")
    panel.set_ylim(1e-17, 1e2)
    panel.set_xticks(range(len(names)), [n.replace("_", "\n") for n in names], fontsize=7)
    panel.set_xlim(-0.5, len(names) - 0.3)

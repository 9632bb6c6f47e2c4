"""The page of the documentation: every number in it comes from the CSV files beside it."""

from __future__ import annotations

from pathlib import Path

from examples.demo.style import number
from examples.nbody.reproduce import meta, paper, rows, show
from examples.nbody.reproduce.compute import read
from examples.nbody.reproduce.grids import EXPERIMENTS
from examples.nbody.reproduce.statements import markdown

TITLES = {
    "fig2": "Figure 2: where vanilla EGNN explodes",
    "fig5": "Figure 5: GeoNorm, ScaleNorm and no norm over seeds and rates",
    "table1": "Table 1: errors under rotation and translation",
    "beyond": "Beyond: the recommended configuration",
}
CAPTIONS = {
    "fig2": "Training error of every run: the largest since the point before, so that spikes show. "
    "A cross is a run that ended in NaN, a triangle one that stays above the frame. The paper's "
    "Eq. 2 sums the coordinate updates (above), the official code averages them (below).",
    "fig5": "Training error of every run, a line a seed. Norms as the paper prints them: a gain "
    "and a bias for each particle, Eq. 5 without a soft direction, coordinates summed.",
    "table1": "Left: errors on unmoved systems, the paper's (diamonds: mean less increment) and "
    "ours. Middle and right: the paper's increments, ours, and the defect "
    "|f(Rx + t) − (R f(x) + t)| that an increment is meant to show (triangles: not after the "
    "last layer; a printed or measured 0 lies at the bottom).",
    "beyond_grid": "Every size, depth and rate, one seed. The number is the last test error; "
    "green: stable and below no motion; yellow: stable, not below; red: not stable; "
    "✕ with the step: NaN; bold: below x + a·v.",
    "beyond_errors": "Left: test error of the longer runs; grey lines: no motion (dashed) and "
    "x + a·v (dotted); red: the best of all runs without a norm. Middle: networks of the smallest "
    "size tested at others. Right: what a permutation of the particles changes.",
    "beyond_rollouts": "Predictions in a row, each from the one before; velocities are those of "
    "the predicted displacements. Left: error; middle: median change of the energy, over the "
    "scale of the energies; right: distance of the predicted centre of mass from the true one.",
    "beyond_paths": "One system, predictions in a row: lines are the simulator's, crosses the "
    "network's, dotted what separates their last places; red positive, blue negative charges.",
}
NOTES = {
    "table1": "An increment of the mean squared error cannot see a rotation defect on data without "
    "a preferred direction: rotated systems are as likely as unrotated ones, so a network that "
    "breaks the symmetry errs as much on the one as on the other. The defect sees it. Translations "
    "are normal with a standard deviation of 10 per component; the paper does not state its own.",
}
HEAD = """\
# The GeoNorm paper, measured again

```bash
make fig2 fig5 table1 beyond              # smoke: minutes on two cores
make fig2 fig5 table1 beyond SCALE=small  # about an hour on two idle cores
make fig2 fig5 table1 beyond SCALE=paper  # the paper's protocol: a GPU, weeks of it
```

Each is `python -m examples.nbody.reproduce NAME --scale SCALE`. It trains through
`examples.nbody.train`, continues where it stopped, and leaves CSV files, figures (PNG, SVG) and
statements in `runs/reproduce/SCALE/results`. This page is written from the CSV files in
[reproduce/](reproduce) by `python -m examples.nbody.reproduce page --publish docs/reproduce`.
"""


def render(folder: Path, link: str = "reproduce") -> str:
    """The page of the results in a folder, which it links to as ``link``."""
    parts = [HEAD, _origin(folder), _verdict(folder), _baselines(folder)]
    for experiment in EXPERIMENTS:
        said = show.said(experiment, folder)
        if not said:
            continue
        parts.append(f"## {TITLES[experiment]}\n")
        parts += [
            f"![{name}]({link}/{name}.png)\n\n{CAPTIONS[name]}\n"
            for name in CAPTIONS
            if name.startswith(experiment) and (folder / f"{name}.png").exists()
        ]
        parts += [markdown(said), *([NOTES[experiment] + "\n"] if experiment in NOTES else [])]
        if experiment == "table1":
            parts.append(table(read("table1", folder)))
    return "\n".join(parts)


def _origin(folder: Path) -> str:
    found = meta.read(folder)
    scale, where = found["scale"], found["environment"]
    each = "; ".join(
        f"{name} on {e['date']}: {e['trained']} of {e['planned']} networks, "
        f"{e['seconds'] / 60:.0f} min"
        for name, e in found["experiments"].items()
    )
    rows_ = "\n".join(
        f"| {n} | {scale['train'][n]} | {scale['batch'][n]} | {scale['epochs'][n]} | "
        f"{scale['long_epochs'][n]} |"
        for n in scale["train"]
    )
    return (
        f"**Scale `{scale['name']}`.** {each} (wall time of the trainings, summed over two "
        f"processes on shared cores; experiments share networks). {where['machine']}, threads: "
        f"{where['threads']}, torch {where['torch']}, Python {where['python']}.\n\n"
        f"Velocity-EGNN, {scale['hidden']} channels (paper: 64), Adam, weight decay 1e-12, seeds "
        f"{', '.join(map(str, scale['seeds']))}, {scale['test']} test systems (paper: 2000), "
        "charged particles, frames 30 to 40: the 1000-step prediction. The paper trains 3000 "
        "systems in batches of 50 for 1000 epochs.\n\n"
        "| N | training systems | batch | epochs | epochs of the longer runs |\n"
        f"|---:|---:|---:|---:|---:|\n{rows_}\n\n"
        "*Stable*: the training error, after the first tenth of the steps, never exceeds ten times "
        "that of no motion, as on the [leaderboard](leaderboard.md).\n"
    )


def _verdict(folder: Path) -> str:
    said = [s for e in EXPERIMENTS for s in show.said(e, folder)]
    judged = [s for s in said if s.agrees is not None]
    against = "\n".join(f"* {s.claim} ({s.source}): {s.measured}." for s in judged if not s.agrees)
    return (
        f"## In short\n\n{sum(bool(s.agrees) for s in judged)} of {len(judged)} statements below "
        "agree with what was measured. "
        + (f"These do not:\n\n{against}\n" if against else "None does not.\n")
    )


def _baselines(folder: Path) -> str:
    lines = [
        "## Without a network\n",
        "| N | no motion | x + a·v, a fitted | every particle at the centre |",
        "|---:|---:|---:|---:|",
    ]
    base: list[rows.Baseline] = read("baselines", folder)
    lines += [
        f"| {b.size} | {number(b.no_motion)} | {number(b.linear)} | {number(b.centre)} |"
        for b in base
    ]
    return "\n".join(lines) + "\n"


def table(moved: list[rows.Moved]) -> str:
    """Table 1 beside ours: the paper's error and increments, then ours with the defects."""
    lines = [
        "| N, depth, seed | norm | paper: error | ΔR | ΔT | ours: error | ΔR | ΔT | defect R | "
        "defect T |",
        "|---|---|" + "---:|" * 8,
    ]
    for m in sorted(moved, key=lambda m: (m.size, m.layers, m.seed)):
        norm, _, end = m.choice.partition("_")
        printed = paper.table_row(m.size, m.layers, m.seed, norm) if end == "last" else None
        said = (
            [f"{v:.2f}" for v in (printed.unmoved, printed.r_increment, printed.t_increment)]
            if printed
            else [""] * 3
        )
        mine = [m.unmoved, m.r_increment, m.t_increment, m.r_defect, m.t_defect]
        shown = ["NaN" if value is None else number(value, 2) for value in mine]
        where = {"last": "after the last layer too", "inner": "not after the last"}.get(end, "")
        name = f"{norm}, {where}" if where else m.choice
        lines.append(
            f"| {m.size}, {m.layers}, {m.seed} | {name} | " + " | ".join([*said, *shown]) + " |"
        )
    return "\n".join(lines) + "\n"

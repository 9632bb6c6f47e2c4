"""Sections of the report with trajectories, and with the figures of the reproduction."""

from __future__ import annotations

from html import escape
from pathlib import Path

from examples.demo import figures, paths
from examples.demo.plan import CHOICES
from examples.demo.results import Results
from examples.demo.style import number
from examples.nbody.reproduce import draw_paths, meta, show
from examples.nbody.reproduce.grids import EXPERIMENTS
from examples.nbody.reproduce.page import CAPTIONS, TITLES

COMMITTED = Path(__file__).parents[2] / "docs" / "reproduce"


def trajectories(results: Results) -> str:
    """True and predicted trajectories of the main runs of the middle size."""
    shown = [run for run in results.runs if paths.is_shown(run) and run.path]
    if not shown:
        return ""
    runs = [run for run in shown if run.num_particles == shown[0].num_particles]
    base = next(b for b in results.baselines if b.num_particles == runs[0].num_particles)
    titles = {
        run.choice: f"{CHOICES[run.choice].label}, error {number(run.final_mse)}" for run in runs
    }
    drawn = draw_paths.figure(paths.rows(runs, base), titles)
    return figures.section(
        "Trajectories, predicted and true",
        drawn,
        f"<b>One system of {runs[0].num_particles} particles</b> that no network has seen: lines "
        f"are the simulator's, crosses {paths.STEPS} predictions in a row, each from the one "
        "before, dotted what separates their last places. Red: positive charges, blue: negative.",
    )


def gallery(results: Results) -> str:
    """The committed figures of the paper and beyond; not of this run, and it says so."""
    found = meta.read(COMMITTED)
    if not found:
        return ""
    dates = " and ".join(sorted({each["date"] for each in found["experiments"].values()}))
    parts = [
        "<h2>Gallery: the paper's figures, measured again</h2><p>Not of this run: these come from "
        f"<code>docs/reproduce</code>, scale “{escape(found['scale']['name'])}”, "
        f"{escape(dates)}, on {escape(found['environment']['machine'])}. "
        "<code>make fig2 fig5 table1 beyond</code> makes them again; what agrees with the paper "
        "and what does not stands in <code>docs/reproduce.md</code>.</p>".replace("'", "’")
    ]
    for experiment in EXPERIMENTS:
        for name, figure in show.figures(experiment, COMMITTED).items():
            drawing = figures.svg(figure)
            parts.append(
                f"<figure>{drawing}<figcaption><b>{escape(TITLES[experiment])}.</b> "
                f"{escape(CAPTIONS[name], quote=False)}</figcaption></figure>"
            )
    return "".join(parts)

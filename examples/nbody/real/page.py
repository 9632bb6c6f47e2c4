"""The page of the documentation: every number in it comes from the CSV files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from examples.nbody import csvfile
from examples.nbody.real.rows import Base, Row
from examples.nbody.real.statements import statements, table

HEAD = """\
# Real data: liquid argon and a protein

```bash
make argon adk               # smoke: a few minutes
make argon adk SCALE=small   # an hour on two shared cores
```

Both trajectories ship with MDAnalysisTests. *Liquid argon*: 1000 atoms in a periodic box, positions
10 frames (0.2 ps) ahead from positions and velocities, edges through the boundaries up to 5.5 Å.
Split by time: 21 windows to train, the last 10 to test, no target of the test set seen before.
*AdK*: a biased transition of a protein without velocities or box, one frame ahead, edges up to
10 Å; successive displacements hardly correlate, so that little can be learnt: a test of stability
and of equivariance under fire. Every network is a velocity-EGNN trained by `examples.nbody.train`
(`data=argon`, `data=adk`), one seed.

*Stable*: the training loss, after the first tenth of the steps, never exceeds ten times the error
of no motion. *rotation*, *lattice*: largest |f(g x) - g f(x)| over the displacement, in float64,
with the neighbours looked for anew; lattice puts every atom at another of its periodic copies.
Test errors are those of the best weights by validation.
"""


def read(folder: Path) -> tuple[list[Row], list[Base]]:
    """All rows in a folder."""
    rows = [r for p in sorted(folder.glob("*_runs.csv")) for r in csvfile.read(p, Row)]
    bases = [b for p in sorted(folder.glob("*_baselines.csv")) for b in csvfile.read(p, Base)]
    return rows, bases


def render(folder: Path) -> str:
    """The page of what lies in a folder of CSV files and figures."""
    rows, bases = read(folder)
    meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
    parts = [HEAD, f"Measured: {_said(meta)}.", ""]
    parts += [line for text in statements(rows, bases) for line in (text, "")]
    for name in ("argon", "adk"):
        if (folder / f"{name}.png").exists():
            parts += [f"![Test errors, {name}]({folder.name}/{name}.png)", ""]
    return "\n".join([*parts, *table(rows), ""])


def _said(meta: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} at scale {m['scale']} on {m['date']}, {m['runs']} of {m['planned']} runs, torch "
        f"{m['torch']}, one thread a run"
        for name, m in meta.items()
    )

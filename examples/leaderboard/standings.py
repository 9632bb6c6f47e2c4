"""From runs to a table: how often an entry is stable, how well it predicts, what it costs."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from examples.demo.results import Run

UNSTABLE = 10.0  # times the error of no motion


@dataclass(frozen=True)
class Row:
    """One entry's standing.

    Attributes:
        name: of the entry.
        slot: where its norm stands.
        runs: how many runs there are.
        stable: share of runs whose training loss, once a tenth of the steps is done, never
            exceeds ten times the error of no motion, and that never break.
        learnt: share of runs that end below the error of no motion.
        mse: last test error by number of particles, the median over the runs (infinite where
            they broke).
        best: lowest of the last test errors, by number of particles.
        cost: time of a training step over that without norm, medians; None if not measured.
    """

    name: str
    slot: str
    runs: int
    stable: float
    learnt: float
    mse: dict[int, float]
    best: dict[int, float]
    cost: float | None = None


def standings(
    runs: list[Run], no_motion: dict[int, float], costs: dict[str, float] | None = None
) -> list[Row]:
    """One row an entry: those tried on most sizes, the most stable, the most accurate first."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if run.status in ("finished", "diverged"):
            groups.setdefault(run.group, []).append(run)
    rows = []
    for group, members in groups.items():
        slot, _, name = group.partition(": ")
        errors: dict[int, list[float]] = {}
        for run in members:
            errors.setdefault(run.num_particles, []).append(_last(run))
        rows.append(
            Row(
                name=name,
                slot=slot,
                runs=len(members),
                stable=_share(is_stable(run, no_motion[run.num_particles]) for run in members),
                learnt=_share(_last(run) < no_motion[run.num_particles] for run in members),
                mse={size: statistics.median(values) for size, values in sorted(errors.items())},
                best={size: min(values) for size, values in sorted(errors.items())},
                cost=(costs or {}).get(group),
            )
        )
    return sorted(rows, key=_order)


def is_stable(run: Run, no_motion: float) -> bool:
    """Whether a run neither broke nor, after a tenth of its steps, exploded on the way."""
    if run.status == "diverged":
        return False
    start = max(1, run.planned_steps // 10)
    limit = UNSTABLE * no_motion
    return all(loss is not None and loss <= limit for loss in run.train_mse[start:])


def _last(run: Run) -> float:
    final = run.final_mse
    return math.inf if final is None else final


def _share(values: object) -> float:
    listed = list(values)  # type: ignore[call-overload]
    return sum(listed) / len(listed)


def _order(row: Row) -> tuple[float, float, float, float]:
    logs = [math.log(min(max(error, 1e-9), 1e9)) for error in row.mse.values()]
    return (-len(row.mse), -round(row.stable, 3), -round(row.learnt, 3), sum(logs) / len(logs))

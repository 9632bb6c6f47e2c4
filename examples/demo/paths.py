"""One system's trajectory: as simulated, and as the trained networks predict it step by step."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from examples.demo.data import TASK
from examples.demo.results import Baseline, Run
from examples.nbody.reproduce import rollout
from examples.nbody.reproduce.rows import Path3

STEPS = 4  # predictions in a row


def is_shown(run: Run) -> bool:
    """Whether a run is a main one of the velocity-EGNN: those are rolled out."""
    main = run.group != "deep" and not run.group.endswith("-last")
    return main and run.model == "egnn_vel"


def add_truth(baseline: Baseline, seed: int, cache: Path | None) -> None:
    """Put the true trajectory of a system of this size, which no network trains on, on record."""
    truth = rollout.simulate(1, baseline.num_particles, TASK, STEPS, 1043 + seed, cache)
    baseline.charges = truth.charges[0].tolist()
    baseline.path = truth.loc[0].tolist()


def add_prediction(run: Run, model: nn.Module, seed: int, cache: Path | None) -> None:
    """Put the network's predictions for that system on record, unless they run away."""
    truth = rollout.simulate(1, run.num_particles, TASK, STEPS, 1043 + seed, cache)
    found = rollout.roll(model, truth, coefficient=0.0)
    if max(found.error) < float("inf"):
        run.path = found.x[:, 0].tolist()


def rows(runs: list[Run], baseline: Baseline) -> list[Path3]:
    """The true and the predicted trajectories of one size, as the drawing takes them."""
    size, charges = baseline.num_particles, baseline.charges or []
    listed = [("true", baseline.path), *((run.choice, run.path) for run in runs)]
    return [
        Path3(name, size, i, charges[i], k, *place)
        for name, path in listed
        for k, places in enumerate(path or [])
        for i, place in enumerate(places)
    ]

"""One row for each network: what was trained, how it ended, what it gets wrong."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.nbody import records, train
from examples.nbody.real import defects
from examples.nbody.real.data import AdKData, ArgonData, RealData
from examples.nbody.real.plan import Job

UNSTABLE = 10.0  # times the error of no motion, as on the leaderboard
SYMMETRIES = ("rotation", "reflection", "translation", "permutation", "lattice")


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        status: "finished"; "diverged": a number ceased to be finite; "refused": the configuration
            says that it has no meaning here.
        where: at which step and in which layer it diverged, or why it was refused.
        worst: largest training loss after the first tenth of the steps, over no motion's.
        stable: worst is at most 10.
        test_mse, last_mse: of the best weights by validation, and of the last, Å².
        rotation, reflection, translation, permutation, lattice: largest defect on the first test
            frame, relative to the displacement predicted, in float64.
        step_ms: of a step, validation included, on one thread of a shared machine.
    """

    data: str
    entry: str
    family: str
    layers: int
    hidden: int
    rate: float
    epochs: int
    seed: int
    status: str
    where: str = ""
    worst: float | None = None
    stable: bool = False
    test_mse: float | None = None
    last_mse: float | None = None
    rotation: float | None = None
    reflection: float | None = None
    translation: float | None = None
    permutation: float | None = None
    lattice: float | None = None
    parameters: int = 0
    step_ms: float | None = None


@dataclass(frozen=True)
class Base:
    """A prediction without a network: its test error in Å²."""

    data: str
    name: str
    mse: float


def data_module(job: Job) -> RealData:
    """The data of a job."""
    name, options = job.dataset
    return ArgonData(**options) if name == "argon" else AdKData(**options)


def read(job: Job, data: RealData, folder: Path, family: str) -> Row | None:
    """The row of a finished or refused run, or None.

    Args:
        job: what was trained.
        data: its data, set up.
        folder: of all runs.
        family: of its entry.
    """
    given = (job.data, job.entry, family, job.layers, job.hidden, job.rate, job.epochs, job.seed)
    if (reason := refusal(job, data)) is not None:
        return Row(*given, status="refused", where=reason)
    place = folder / job.key
    if not (place / records.RESULTS).exists():
        return None
    results: dict[str, Any] = json.loads((place / records.RESULTS).read_text())
    losses = [loss for _, loss in records.history(place)["train_mse"]]
    later = losses[len(losses) // 10 :]
    finite = not results["diverged"] and all(map(math.isfinite, later))
    worst = max(later) / results["baselines"]["no_motion"] if finite else math.inf
    wrong = {}
    if results["test_mse"] is not None:
        net = train.load(place).net.eval()
        wrong = defects.defects(net, data.dataset("test").systems[0])
    where = f"step {results['diverged_step']}: {results['diverged_where']}"
    return Row(
        *given,
        status="diverged" if results["diverged"] else "finished",
        where=where if results["diverged"] else "",
        worst=worst,
        stable=worst <= UNSTABLE,
        test_mse=results["test_mse"],
        last_mse=results["last_test_mse"],
        **wrong,
        parameters=results["parameters"],
        step_ms=1e3 * results["seconds"] / max(1, results["steps"]),
    )


def refusal(job: Job, data: RealData) -> str | None:
    """What the network says when it is given a graph on which a norm of it has no meaning."""
    import eqnorm
    from examples.nbody.real.entries import entry

    options = {"hidden": 4, "layers": 2, "node_dim": data.node_dim, "edge_dim": 0}
    net = eqnorm.create_model(job.model, **options, **entry(job.entry).options)
    try:
        defects.predict(net.double(), data.dataset("test").systems[0])
    except ValueError as error:
        if "periodic" not in str(error):
            raise
        return str(error)
    return None

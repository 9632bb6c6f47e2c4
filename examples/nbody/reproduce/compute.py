"""Each experiment's CSV files, from trained networks."""

from __future__ import annotations

from pathlib import Path

from examples.nbody import csvfile
from examples.nbody.reproduce import experiments, grids, rows
from examples.nbody.reproduce.experiments import Trained

FILES: dict[str, type] = {
    "baselines": rows.Baseline,
    "fig2": rows.Run,
    "fig2_curves": rows.Point,
    "fig5": rows.Run,
    "fig5_curves": rows.Point,
    "table1": rows.Moved,
    "table1_runs": rows.Run,
    "beyond_grid": rows.Run,
    "beyond_runs": rows.Run,
    "beyond_rollouts": rows.Step,
    "beyond_paths": rows.Path3,
    "beyond_transfer": rows.Transfer,
    "beyond_permutations": rows.Permuted,
}


def write(experiment: str, trained: Trained, folder: Path) -> None:
    """Measure an experiment and write its files."""
    base = experiments.baselines(trained)
    _put(folder, "baselines", base)
    wanted = grids.jobs(experiment, trained.scale)
    if experiment in ("fig2", "fig5"):
        _put(folder, experiment, experiments.runs(trained, wanted))
        _put(folder, f"{experiment}_curves", experiments.curves(trained, wanted))
    elif experiment == "table1":
        _put(folder, "table1", experiments.moved(trained, wanted))
        _put(folder, "table1_runs", experiments.runs(trained, wanted))
    else:
        _put(folder, "beyond_grid", experiments.runs(trained, grids.grid(trained.scale)))
        _put(folder, "beyond_runs", experiments.runs(trained, _longer(trained)))
        steps, paths = experiments.rollouts(trained, base)
        _put(folder, "beyond_rollouts", steps)
        _put(folder, "beyond_paths", paths)
        _put(folder, "beyond_transfer", experiments.transfers(trained))
        _put(folder, "beyond_permutations", experiments.permuted(trained))


def _longer(trained: Trained) -> list[grids.Job]:
    return list(dict.fromkeys([*grids.long(trained.scale), *grids.rivals(trained.scale)]))


def read(name: str, folder: Path) -> list:  # type: ignore[type-arg]
    """The rows of a file, none if it was not written."""
    return csvfile.read(folder / f"{name}.csv", FILES[name])


def _put(folder: Path, name: str, found: list) -> None:  # type: ignore[type-arg]
    csvfile.write(folder / f"{name}.csv", found, FILES[name])

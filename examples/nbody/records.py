"""What a run leaves behind: its configuration, its logs, its results."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from examples.demo.results import write_atomically
from examples.nbody.naming import IRRELEVANT

RESULTS, CONFIG = "results.json", "config.yaml"
write = write_atomically


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The resolved configuration, without what a run's numbers do not depend on."""
    plain = OmegaConf.to_container(
        OmegaConf.masked_copy(cfg, [str(k) for k in cfg if k not in IRRELEVANT]), resolve=True
    )
    assert isinstance(plain, dict)
    plain.get("data", {}).pop("cache_dir", None)
    precision = OmegaConf.select(cfg, "trainer.precision")
    return {**{str(k): v for k, v in plain.items()}, "precision": precision}


def finished(folder: Path, cfg: DictConfig) -> dict[str, Any] | None:
    """The results of this run, if it was finished before.

    Raises:
        ValueError: the folder holds a run with another configuration.
    """
    path = folder / CONFIG
    if path.exists():
        there, ours = dict(_leaves(OmegaConf.load(path))), dict(_leaves(identity(cfg)))
        names = [k for k in {**there, **ours} if there.get(k) != ours.get(k)]
        if names:
            differ = ", ".join(f"{k} ({there.get(k)}, now {ours.get(k)})" for k in names)
            raise ValueError(
                f"{folder} holds a run with another {differ}; choose another folder=..., or "
                "remove it"
            )
    results = folder / RESULTS
    return json.loads(results.read_text()) if results.exists() else None


def start(folder: Path, cfg: DictConfig) -> None:
    """Note the configuration, so that the run can be taken up and recognised."""
    write(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(identity(cfg))))


def history(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Training and validation errors by step, from the CSV logs of all parts of a run.

    Returns:
        For "train_mse" and "val_mse" the pairs (step, value), steps from 1; of a step that a
        killed part and its successor both took, the later value.
    """
    found: dict[str, dict[int, float]] = {"train_mse": {}, "val_mse": {}}
    logs = (folder / "csv").glob("version_*/metrics.csv")
    for path in sorted(logs, key=lambda p: int(p.parent.name.removeprefix("version_"))):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                for name, values in found.items():
                    if row.get(name):
                        values[int(row["step"]) + 1] = float(row[name])
    return {name: sorted(values.items()) for name, values in found.items()}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All options under their dotted names, but for those that change no number."""
    if isinstance(value, (dict, DictConfig)):
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key!s}" if name else str(key))
    elif name not in IRRELEVANT:
        yield name, OmegaConf.to_container(value) if OmegaConf.is_config(value) else value

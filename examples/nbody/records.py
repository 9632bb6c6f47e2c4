"""What a run leaves behind: its configuration, its logs, its results."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

RESULTS, CONFIG = "results.json", "config.yaml"
# What a run's numbers do not depend on.
_IRRELEVANT = ("folder", "threads", "trainer")


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The resolved configuration, without what a run's numbers do not depend on."""
    plain = OmegaConf.to_container(
        OmegaConf.masked_copy(cfg, [k for k in cfg if k not in _IRRELEVANT]), resolve=True
    )
    assert isinstance(plain, dict)
    precision = OmegaConf.select(cfg, "trainer.precision")
    return {**{str(k): v for k, v in plain.items()}, "precision": precision}


def finished(folder: Path, cfg: DictConfig) -> dict[str, Any] | None:
    """The results of this run, if it was finished before.

    Raises:
        ValueError: the folder holds a run with another configuration.
    """
    path = folder / CONFIG
    if path.exists():
        there = OmegaConf.to_container(OmegaConf.load(path))
        ours = identity(cfg)
        assert isinstance(there, dict)
        if there != ours:
            names = [k for k in {**there, **ours} if there.get(k) != ours.get(k)]
            raise ValueError(
                f"{folder} holds a run with another {', '.join(map(str, names))}; choose another "
                "folder=..., or remove it"
            )
    results = folder / RESULTS
    return json.loads(results.read_text()) if results.exists() else None


def start(folder: Path, cfg: DictConfig) -> None:
    """Note the configuration, so that the run can be taken up and recognised."""
    write(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(identity(cfg))))


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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

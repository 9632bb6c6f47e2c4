"""What the numbers come from: scale, date, threads, versions."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch

import eqnorm
from examples.demo.results import write_atomically
from examples.nbody.reproduce.experiments import Trained
from examples.nbody.reproduce.scales import Scale


def note(experiment: str, scale: Scale, trained: Trained, planned: int, folder: Path) -> None:
    """Add an experiment to ``meta.json``."""
    found = read(folder)
    found["scale"] = json.loads(json.dumps(asdict(scale)))
    found["environment"] = {
        "eqnorm": eqnorm.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": "1 a training",
    }
    seconds = sum(history.seconds for history in trained.histories.values())
    found.setdefault("experiments", {})[experiment] = {
        "date": date.today().isoformat(),
        "planned": planned,
        "trained": len(trained.histories),
        "seconds": round(seconds),
    }
    write_atomically(folder / "meta.json", json.dumps(found, indent=1) + "\n")


def read(folder: Path) -> dict[str, Any]:
    """What :func:`note` wrote so far."""
    path = folder / "meta.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found

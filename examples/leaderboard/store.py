"""One small file a finished run, so that an interrupted leaderboard goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from examples.demo.results import Run, write_atomically


def path(folder: Path, run: Run) -> Path:
    """Where a run is kept."""
    return folder / "runs" / f"{run.key}.json"


def save(folder: Path, run: Run) -> None:
    """Write a run, whole or not at all."""
    target = path(folder, run)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, json.dumps(asdict(run)))


def load(folder: Path, run: Run) -> Run | None:
    """The finished run of the same key, or None; a damaged file counts as none."""
    try:
        record = json.loads(path(folder, run).read_text())
        known = {item.name for item in fields(Run)}
        found = Run(**{key: value for key, value in record.items() if key in known})
    except (OSError, ValueError, TypeError):
        return None
    return found if found.key == run.key and found.status in ("finished", "diverged") else None

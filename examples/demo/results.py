"""What a run of the demo finds, as plain records that go to JSON and back."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass
class Baseline:
    """Errors of predictions without a network, on the test systems of one size.

    path holds where the particles of one more system are, frame by frame, (K + 1, N, 3).
    """

    num_particles: int
    train_systems: int
    test_systems: int
    no_motion: float
    linear: float
    linear_coefficient: float
    charges: list[float] | None = None
    path: list[list[list[float]]] | None = None


@dataclass
class Moved:
    """Errors after a random rotation, or a random translation, of every test system.

    mean, median and max are of the mean squared errors of single systems; increment is the mean
    less that of the unmoved systems; defect is the mean length of f(Rx + t) - (R f(x) + t).
    """

    mean: float
    median: float
    max: float
    increment: float
    defect: float


@dataclass
class Run:
    """One network trained, and what became of it.

    train_mse has a value for each step, None where it was not finite. status is one of
    "finished", "diverged", "stopped" (by the time limit), "skipped" and "failed". seconds are
    those of the processor, which do not depend on what else the machine is doing. path holds the
    places predicted for the system of the baseline's path, where there are any.
    """

    key: str
    group: str
    choice: str
    model: str
    num_particles: int
    layers: int
    batch_size: int
    learning_rate: float
    planned_steps: int
    options: dict[str, Any]
    status: str = "skipped"
    reason: str = ""
    train_mse: list[float | None] = field(default_factory=list)
    test_steps: list[int] = field(default_factory=list)
    test_mse: list[float | None] = field(default_factory=list)
    diverged_step: int | None = None
    diverged_where: str = ""
    seconds: float = 0.0
    parameters: int = 0
    rotated: Moved | None = None
    translated: Moved | None = None
    path: list[list[list[float]]] | None = None

    @property
    def final_mse(self) -> float | None:
        """The last test error, None if it diverged or never came so far."""
        return (
            self.test_mse[-1] if self.status in ("finished", "stopped") and self.test_mse else None
        )


@dataclass
class Symmetry:
    """One symmetry of one network: what its contract says, what the checker found, an error."""

    name: str
    declared: bool
    holds: bool
    error: float | None

    @property
    def agrees(self) -> bool:
        return self.declared == self.holds


@dataclass
class Pair:
    """The symmetries of one backbone with one choice of norms."""

    model: str
    choice: str
    status: str = "skipped"
    reason: str = ""
    dtype: str = "float32"
    seconds: float = 0.0
    symmetries: list[Symmetry] = field(default_factory=list)


@dataclass
class Growth:
    """Largest hidden feature after each layer of an untrained network, None where not finite."""

    label: str
    choice: str
    num_particles: int
    largest: list[float | None]


@dataclass
class Results:
    """All of a run; what fell to the time limit is a problem but no failure."""

    seed: int
    command: str
    started: str
    environment: dict[str, str]
    settings: dict[str, Any]
    seconds: float = 0.0
    baselines: list[Baseline] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failed: bool = False

    def save(self, path: Path) -> None:
        """Write JSON, whole or not at all."""
        write_atomically(path, json.dumps(asdict(self), indent=1, allow_nan=False))

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: the file is no such JSON.
        """
        try:
            found = json.loads(path.read_text())
            found["baselines"] = [Baseline(**each) for each in found["baselines"]]
            found["growth"] = [Growth(**each) for each in found["growth"]]
            found["pairs"] = [
                Pair(**{**each, "symmetries": [Symmetry(**s) for s in each["symmetries"]]})
                for each in found["pairs"]
            ]
            found["runs"] = [_run(each) for each in found["runs"]]
            return cls(**{f.name: found[f.name] for f in fields(cls)})
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} does not hold results of the demo ({error!r})") from error


def _run(record: dict[str, Any]) -> Run:
    for name in ("rotated", "translated"):
        if record[name] is not None:
            record[name] = Moved(**record[name])
    return Run(**record)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Put a file in place whole: a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

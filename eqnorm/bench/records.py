"""What a benchmark is asked for, and what it answers."""

from __future__ import annotations

import dataclasses
import os
import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        device: "cpu", "cuda" or "cuda:1".
        threads: torch's threads on the CPU; with one, processor time is measured, which a busy
            machine disturbs less than the clock on the wall.
        seconds: for each case, at least.
        quick: fewer sizes and smaller ones.
        seed: of parameters and inputs.
    """

    device: str = "cpu"
    threads: int = 1
    seconds: float = 2.0
    quick: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise ValueError(f"device must be cpu, cuda or cuda:INDEX, got {self.device!r}")
        if self.device != "cpu" and not torch.cuda.is_available():
            raise ValueError(f"device={self.device!r}: no CUDA device here; use device='cpu'")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
        if self.threads > (cores := os.cpu_count() or 1):  # far more end the process
            raise ValueError(f"threads must be at most {cores}, the cores here, got {self.threads}")
        if not self.seconds > 0:
            raise ValueError(f"seconds must be positive, got {self.seconds}")


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A figure: its median over the rounds, and its quartiles.

    Example:
        >>> Ratio.of([2.0, 2.1, 2.2, 9.0]).value
        2.15
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Ratio:
        """From the values of all rounds."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(middle, low, high)

    @classmethod
    def between(cls, others: Sequence[float], ours: Sequence[float]) -> Ratio:
        """Times that ``ours`` is faster than ``others``, round by round."""
        return cls.of([b / a for a, b in zip(ours, others, strict=True)])


@dataclasses.dataclass(frozen=True)
class Record:
    """One line of a table.

    Attributes:
        part: "norms", "models", "simulator" or "roofline".
        what: what was measured, with its sizes.
        path: which of its implementations: "torch", "compiled", "default", or a peer's name.
        seconds: of one pass, or None where the line is no timing.
        figures: ratios by what they say, e.g. "faster than nn.LayerNorm".
        rounds: how many turns were taken.
    """

    part: str
    what: str
    path: str
    seconds: Ratio | None
    figures: dict[str, Ratio]
    rounds: int

    def as_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Case:
    """A piece of work of some seconds."""

    part: str
    name: str
    run: Callable[[], list[Record]]

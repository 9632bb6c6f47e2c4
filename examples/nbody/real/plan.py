"""What is trained at each scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.nbody import many
from examples.nbody.real import entries
from examples.nbody.real.entries import Entry

SCALES = ("smoke", "small")
EXPERIMENTS = ("argon", "adk")


@dataclass(frozen=True)
class Job:
    """One network to train: everything that its numbers depend on.

    Attributes:
        data: "argon" in its periodic box, "argon-open" without it, "adk-ca" or "adk-backbone".
        entry: a name of :mod:`examples.nbody.real.entries`.
        model: a registered backbone.
        layers, hidden: of it.
        rate: learning rate.
        epochs: times that the training frames are seen.
        seed: of weights and order.
    """

    data: str
    entry: str
    model: str
    layers: int
    hidden: int
    rate: float
    epochs: int
    seed: int

    @property
    def key(self) -> str:
        """A name for files: readable, and unique."""
        words = "".join(c if c.isalnum() else " " for c in self.entry).split()
        return (
            f"{self.data}-{self.model}-{'_'.join(words)}-l{self.layers}-h{self.hidden}"
            f"-lr{self.rate:g}-e{self.epochs}-s{self.seed}"
        )

    @property
    def dataset(self) -> tuple[str, dict[str, Any]]:
        """The group "data" of the configuration, and its options."""
        name, _, which = self.data.partition("-")
        if name == "argon":
            return name, {"open": which == "open"}
        return name, {"selection": which}

    def overrides(self, folder: Path) -> list[str]:
        """The job in the spelling of ``examples.nbody.train``."""
        name, options = self.dataset
        return many.overrides(
            {
                "model": self.model,
                "data": name,
                # The sizes of the presets are those of simulated data.
                "preset": "none",
                "epochs": self.epochs,
                "seed": self.seed,
                "lr": self.rate,
                "folder": str(folder / self.key),
                "model.hidden": self.hidden,
                "model.layers": self.layers,
                **{f"model.{k}": value for k, value in entries.entry(self.entry).options.items()},
                **{f"data.{k}": value for k, value in options.items()},
            }
        )


def jobs(experiment: str, scale: str) -> list[Job]:
    """The networks of an experiment, most telling first.

    Raises:
        ValueError: unknown experiment or scale.
    """
    for name, value, known in (
        ("experiment", experiment, EXPERIMENTS),
        ("scale", scale, SCALES),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    made = _argon(scale) if experiment == "argon" else _adk(scale)
    return list(dict.fromkeys(made))


def _argon(scale: str) -> Iterable[Job]:
    if scale == "smoke":
        few = (entries.NO_NORM[1], entries.GEONORM[0], entries.entry(entries.RECOMMENDED))
        yield from _grid("argon", few, (4, 8), (1e-3,), hidden=16, epochs=3)
        yield from _grid("argon-open", few[1:2], (4,), (1e-3,), hidden=16, epochs=3)
        return
    yield from _grid("argon", entries.PERIODIC, (4, 8), (5e-3,), hidden=32, epochs=25)
    yield from _grid("argon", entries.MAIN, (4, 8), (1e-3,), hidden=32, epochs=25)
    yield from _grid("argon-open", entries.OPEN, (4,), (5e-3,), hidden=32, epochs=25)


def _adk(scale: str) -> Iterable[Job]:
    if scale == "smoke":
        few = (entries.NO_NORM[0], entries.GEONORM[0], entries.entry(entries.RECOMMENDED))
        yield from _grid("adk-ca", few, (4,), (1e-3,), hidden=16, epochs=1)
        return
    yield from _grid("adk-ca", entries.PROTEIN, (4, 8), (5e-3,), hidden=32, epochs=3)
    yield from _grid("adk-backbone", entries.BACKBONE, (4, 8), (5e-3,), hidden=32, epochs=2)


def _grid(
    data: str,
    competing: Iterable[Entry],
    depths: Iterable[int],
    rates: Iterable[float],
    *,
    hidden: int,
    epochs: int,
    seed: int = 0,
) -> Iterable[Job]:
    for entry in competing:
        for rate in rates:
            for depth in depths:
                yield Job(data, entry.name, "egnn_vel", depth, hidden, rate, epochs, seed)

"""Which networks are trained, at each scale, as records in order of importance."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from examples.demo.results import Run
from examples.leaderboard.entries import BASELINES, MODEL, RECIPES, Entry, entries


@dataclass(frozen=True)
class Heat:
    """A block of the grid: every entry x size x depth x rate x seed.

    Attributes:
        finalists: only baselines, GeoNorm, softcap and the recipes.
        batch: systems a step.
        steps: training steps.
    """

    sizes: tuple[int, ...]
    layers: tuple[int, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    batch: int
    steps: int
    hidden: int
    finalists: bool = False


@dataclass(frozen=True)
class Scale:
    """The whole grid and its data."""

    name: str
    heats: tuple[Heat, ...]
    train: int
    test: int


BOTH = (5e-3, 5e-4)
DEFAULT = Scale(
    "default",
    (
        Heat((20,), (3, 10), BOTH, (0,), batch=10, steps=150, hidden=32),
        Heat((50,), (5,), (5e-3,), (0, 1), batch=5, steps=150, hidden=32, finalists=True),
        Heat((100,), (3, 10), (5e-3,), (0,), batch=2, steps=80, hidden=32, finalists=True),
    ),
    train=1000,
    test=100,
)
# The protocol of the GeoNorm paper: 3000 training and 2000 test trajectories, 1000 epochs.
FULL = Scale(
    "full",
    (
        Heat(
            (20, 50, 100), (3, 5, 8, 10), BOTH, (30, 40, 50, 60), batch=50, steps=60_000, hidden=64
        ),
    ),
    train=3000,
    test=2000,
)
MINIATURE = Scale(
    "miniature",
    (Heat((5,), (2,), (5e-3,), (0,), batch=4, steps=3, hidden=8, finalists=True),),
    train=20,
    test=8,
)


def runs(scale: Scale) -> list[Run]:
    """All runs of a scale; equal configurations have equal keys."""
    made = []
    for heat in scale.heats:
        for size in heat.sizes:
            for seed in heat.seeds:
                for rate in heat.rates:
                    for layers in heat.layers:
                        made += [
                            _run(entry, heat, scale, size, layers, rate, seed)
                            for entry in (finalists() if heat.finalists else entries())
                        ]
    return made


def finalists() -> list[Entry]:
    """What is worth training on larger systems."""
    chosen = {"geonorm", "softcap", "system", "georms"}
    return [
        *BASELINES,
        *(entry for entry in entries() if entry.name in chosen and entry.slot != "feature_norm"),
        *RECIPES,
    ]


def _run(
    entry: Entry, heat: Heat, scale: Scale, size: int, layers: int, rate: float, seed: int
) -> Run:
    run = Run(
        key="",
        group=f"{entry.slot}: {entry.name}",
        choice=str(seed),
        model=MODEL,
        num_particles=size,
        layers=layers,
        batch_size=heat.batch,
        learning_rate=rate,
        planned_steps=heat.steps,
        options={"hidden": heat.hidden, "layers": layers, **entry.options},
    )
    planned = {name: value for name, value in asdict(run).items() if name != "path"}
    identity = json.dumps([planned, scale.train, scale.test], sort_keys=True)
    run.key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return run

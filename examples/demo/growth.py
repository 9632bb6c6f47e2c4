"""How numbers grow through the layers of a network that has not been trained at all."""

from __future__ import annotations

from pathlib import Path

import torch

from eqnorm_adapters import ScaleMonitor
from examples.demo import data, train
from examples.demo.plan import CHOICES, Scale
from examples.demo.results import Growth, Run

VARIANTS = (
    ("messages and coordinates summed", "none", {"coord_aggregation": "sum"}),
    ("coordinates averaged", "none", {}),
    ("GeoNorm", "geonorm", CHOICES["geonorm"].options),
    ("recommended", "recommended", CHOICES["recommended"].options),
)


def measure(scale: Scale, seed: int, cache: Path | None) -> list[Growth]:
    """The largest number in each layer's output, for networks of twice the usual depth."""
    found = []
    for size in scale.growth_sizes:
        systems = data.load(size, *_few(size, scale), seed, cache)
        for label, choice, options in VARIANTS:
            run = Run(
                key="",
                group="growth",
                choice=choice,
                model="egnn_vel",
                num_particles=size,
                layers=2 * scale.layers,
                batch_size=2,
                learning_rate=0.0,
                planned_steps=0,
                options={
                    "hidden": scale.hidden,
                    "layers": 2 * scale.layers,
                    "edge_dim": 2,
                    **options,
                },
            )
            model = train.build(run, systems.train, seed)
            with torch.no_grad(), ScaleMonitor(model, "layers.*") as monitor:
                train.predict(model, next(systems.test.batches(2)))
            largest = [train.finite(value) for value in monitor.largest.values()]
            found.append(Growth(label, choice, size, largest))
    return found


def _few(size: int, scale: Scale) -> tuple[int, int]:
    """The main runs' file where there is one, else a few systems."""
    return (scale.train, scale.test(size)) if size in scale.sizes else (2, 4)

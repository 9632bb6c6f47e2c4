"""What is compared: the choices of norms, and the networks to train, in order of importance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from examples.demo.results import Run

LEARNING_RATE = 5e-3


@dataclass(frozen=True)
class Choice:
    """Norms for the slots of a backbone, under one name.

    Attributes:
        name: its key.
        label: as the report calls it.
        options: for :func:`eqnorm.create_model`.
    """

    name: str
    label: str
    options: dict[str, Any] = field(default_factory=dict)


CHOICES = {
    choice.name: choice
    for choice in (
        Choice("none", "no norm"),
        Choice("layernorm", "LayerNorm", {"norm": "layernorm"}),
        Choice("scalenorm", "ScaleNorm", {"norm": "scalenorm"}),
        Choice("geonorm", "GeoNorm", {"norm": "geonorm"}),
        Choice(
            "recommended",
            "recommended",
            {
                "update_norm": "softcap",
                "feature_norm": "layernorm",
                "message_aggregation": "mean",
            },
        ),
    )
}
MODELS = ("egnn", "egnn_vel", "tfn")  # `eqnorm check --all` checks every backbone
PAPER = ("layernorm", "scalenorm", "geonorm")


@dataclass(frozen=True)
class Scale:
    """How large the experiment is.

    Attributes:
        train: training systems of each size.
        particles: particles in all test systems of a size together.
        hidden: width of the networks.
        steps: training steps of the main runs; the others follow from it.
        sizes: numbers of particles of the main runs.
        layers: depth of the main runs.
        examples: systems that the checker draws for each symmetry; None for its default.
        growth_sizes: numbers of particles in the probe of untrained networks.
    """

    train: int = 2000
    particles: int = 4000
    hidden: int = 32
    steps: int = 200
    sizes: tuple[int, ...] = (5, 20, 50)
    layers: int = 5
    examples: int | None = None
    growth_sizes: tuple[int, ...] = (5, 20, 50, 100)

    def test(self, size: int) -> int:
        """Test systems of this many particles."""
        return max(self.particles // size, 2)


MINIATURE = Scale(
    train=40, particles=50, hidden=8, steps=4, sizes=(5,), layers=2, examples=2, growth_sizes=(5,)
)


def runs(scale: Scale) -> list[Run]:
    """The networks to train, most important first: the last ones fall to the time limit."""
    middle = scale.sizes[min(1, len(scale.sizes) - 1)]
    made = [*_main("egnn_vel", middle, scale, steps=scale.steps), *_deep(middle, scale)]
    if scale.sizes[0] != middle:
        made += _main("egnn_vel", scale.sizes[0], scale, steps=scale.steps)
    made += _main("tfn", scale.sizes[0], scale, steps=scale.steps // 2)
    made += _main("egnn_vel", middle, scale, steps=scale.steps, names=PAPER, last=True)
    if len(scale.sizes) > 2:
        names = ("none", "geonorm", "recommended")
        made += _main(
            "egnn_vel", scale.sizes[2], scale, steps=scale.steps // 2, names=names, batch=10
        )
    return made


def _main(
    model: str,
    size: int,
    scale: Scale,
    *,
    steps: int,
    names: tuple[str, ...] = tuple(CHOICES),
    last: bool = False,
    batch: int = 25,
) -> list[Run]:
    group = f"{model}-n{size}" + ("-last" if last else "")
    width = scale.hidden if model != "tfn" else max(scale.hidden // 4, 2)
    layers = scale.layers if model != "tfn" else min(scale.layers, 3)
    extra = {"norm_last": True} if last else {}
    return [
        Run(
            key=f"{group}-{name}",
            group=group,
            choice=name,
            model=model,
            num_particles=size,
            layers=layers,
            batch_size=min(batch, scale.train),
            learning_rate=LEARNING_RATE,
            planned_steps=steps,
            options={
                "hidden": width,
                "layers": layers,
                "edge_dim": 1 if model == "tfn" else 2,
                **CHOICES[name].options,
                **extra,
            },
        )
        for name in names
    ]


def _deep(size: int, scale: Scale) -> list[Run]:
    """Ten layers: messages and coordinates summed as in the paper's Eq. 2, or as we would."""
    layers, summed = 2 * scale.layers, {"coord_aggregation": "sum", "message_aggregation": "sum"}
    variants = [
        ("none", "sum", summed),
        ("geonorm", "sum", {**CHOICES["geonorm"].options, **summed}),
        ("none", "mean", {"coord_aggregation": "mean", "message_aggregation": "sum"}),
        ("recommended", "mean", CHOICES["recommended"].options),
    ]
    return [
        Run(
            key=f"deep-{name}-{kind}",
            group="deep",
            choice=name,
            model="egnn_vel",
            num_particles=size,
            layers=layers,
            batch_size=10,
            learning_rate=LEARNING_RATE,
            planned_steps=max(scale.steps // 4, 2),
            options={"hidden": scale.hidden, "layers": layers, "edge_dim": 2, **options},
        )
        for name, kind, options in variants
    ]

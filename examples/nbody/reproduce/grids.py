"""Which networks each experiment trains, most telling first; experiments share equal ones."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from examples.nbody.reproduce.choices import CHOICES, Choice
from examples.nbody.reproduce.scales import Scale

FAST = 5e-3  # the rate of Figure 2 and Table 1 is not printed: the larger of the paper's two
EXPERIMENTS = ("fig2", "fig5", "table1", "beyond")
NORMS = ("layernorm", "scalenorm", "geonorm")


@dataclass(frozen=True)
class Job:
    """One network to train: everything that its numbers depend on.

    Attributes:
        choice: a name of ``CHOICES``.
        size: number of particles.
        layers, hidden: of the network.
        seed: of weights and batches.
        rate: learning rate.
        epochs, batch: of the training.
        train, val, test: systems.
    """

    choice: str
    size: int
    layers: int
    hidden: int
    seed: int
    rate: float
    epochs: int
    batch: int
    train: int
    val: int
    test: int

    @property
    def norms(self) -> Choice:
        return CHOICES[self.choice]

    @property
    def key(self) -> str:
        """A name for files: readable, and another for any other job or configuration."""
        identity = json.dumps([asdict(self), self.norms.model(self.size)], sort_keys=True)
        mark = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return (
            f"n{self.size}-l{self.layers}-{self.choice}-lr{self.rate:g}-s{self.seed}"
            f"-e{self.epochs}-{mark}"
        )

    @property
    def steps(self) -> int:
        """Training steps; a last batch that is not full counts as one."""
        return self.epochs * math.ceil(self.train / self.batch)


def jobs(experiment: str, scale: Scale) -> list[Job]:
    """The networks of an experiment, each once."""
    return list(dict.fromkeys(_MAKERS[experiment](scale)))


def places(scale: Scale, wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(N, depth) of the paper that a scale can show; a tiny scale shows its own smallest."""
    found = [(n, depth) for n, depth in wanted if n in scale.sizes]
    return found or [(scale.sizes[0], depth) for depth in scale.depths]


FIGURE_2 = ((20, 1), (20, 3), (20, 5), (20, 10), (50, 1), (50, 3), (50, 5), (50, 10), (100, 3))
FIGURE_5 = ((20, 5), (50, 5), (100, 3))
TABLE_1 = ((50, 5), (100, 3), (100, 5))


def _figure_2(scale: Scale) -> list[Job]:
    return [
        _job(scale, choice, n, depth, seed, FAST)
        for seed in scale.seeds
        for choice in ("sum", "mean")
        for n, depth in places(scale, FIGURE_2)
    ]


def _figure_5(scale: Scale) -> list[Job]:
    choices = ("sum", "geonorm_last", "scalenorm_last", "geonorm_inner", "scalenorm_inner")
    return [
        _job(scale, choice, n, depth, seed, rate)
        for seed in scale.seeds
        for n, depth in places(scale, FIGURE_5)
        for rate in scale.rates
        for choice in choices
    ]


def _table_1(scale: Scale) -> list[Job]:
    choices = [f"{norm}_{place}" for place in ("last", "inner") for norm in NORMS]
    return [
        _job(scale, choice, n, depth, seed, FAST)
        for seed in scale.seeds[:2]  # the table prints two
        for n, depth in places(scale, TABLE_1)
        for choice in (*choices, "mean", "softcap")
    ]


def _beyond(scale: Scale) -> list[Job]:
    return [*long(scale), *rivals(scale), *grid(scale)]


def long(scale: Scale) -> list[Job]:
    """The longer runs: errors, rollouts, transfer, permutations."""
    made = []
    for seed in scale.long_seeds:
        for n, count in zip(scale.sizes, (5, 3, 2), strict=False):
            choices = ("softcap", "mean", "system", "geonorm_inner", "geonorm_shared")
            for choice in choices[:count]:
                epochs = scale.long_epochs[n]
                made.append(_job(scale, choice, n, scale.long_depth, seed, FAST, epochs))
    return made


def rivals(scale: Scale) -> list[Job]:
    """No norm, as long as ours, where it trains best: shallow, at both rates."""
    return [
        _job(scale, "mean", n, scale.depths[0], seed, rate, scale.long_epochs[n])
        for seed in scale.long_seeds
        for n in scale.sizes
        for rate in scale.rates
    ]


def grid(scale: Scale) -> list[Job]:
    """Every size, depth and rate, short, with one seed: what is stable."""
    return [
        _job(scale, choice, n, depth, scale.seeds[0], rate)
        for choice in ("softcap", "mean", "sum")
        for n in scale.sizes
        for depth in scale.depths
        for rate in scale.rates
    ]


_MAKERS = {"fig2": _figure_2, "fig5": _figure_5, "table1": _table_1, "beyond": _beyond}


def _job(
    scale: Scale,
    choice: str,
    size: int,
    depth: int,
    seed: int,
    rate: float,
    epochs: int | None = None,
) -> Job:
    return Job(
        choice=choice,
        size=size,
        layers=depth,
        hidden=scale.hidden,
        seed=seed,
        rate=rate,
        epochs=epochs or scale.epochs[size],
        batch=scale.batch[size],
        train=scale.train[size],
        val=scale.val,
        test=scale.test,
    )

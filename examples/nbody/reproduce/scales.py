"""How much is trained: minutes, an hour, or the paper's own protocol."""

from __future__ import annotations

from dataclasses import dataclass

from examples.nbody.reproduce import paper


@dataclass(frozen=True)
class Scale:
    """Sizes of everything. Mappings go from the number of particles.

    Attributes:
        name: in the command line and in the results.
        hidden: width of the networks.
        train: training systems.
        val, test: validation and test systems.
        batch: systems in a training step.
        epochs: passes through the training systems.
        sizes, depths, rates, seeds: of the grids.
        long_epochs: of the runs whose error, rollouts and transfer are reported.
        long_depth, long_seeds: of those.
        moved: test systems that are rotated, translated and permuted.
        rolled: systems that are rolled out.
        rollout: predictions in a row.
    """

    name: str
    hidden: int
    train: dict[int, int]
    val: int
    test: int
    batch: dict[int, int]
    epochs: dict[int, int]
    sizes: tuple[int, ...]
    depths: tuple[int, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    long_epochs: dict[int, int]
    long_depth: int
    long_seeds: tuple[int, ...]
    moved: int
    rolled: int
    rollout: int = 10


SMOKE = Scale(
    name="smoke",
    hidden=16,
    train={20: 150, 50: 60, 100: 30},
    val=10,
    test=20,
    batch={20: 5, 50: 2, 100: 1},
    epochs=dict.fromkeys(paper.SIZES, 1),
    sizes=paper.SIZES,
    depths=(3, 10),
    rates=paper.RATES,
    seeds=(30,),
    long_epochs={20: 4, 50: 2, 100: 2},
    long_depth=3,
    long_seeds=(30,),
    moved=10,
    rolled=10,
)
SMALL = Scale(
    name="small",
    hidden=32,
    train={20: 1500, 50: 750, 100: 300},
    val=50,
    test=100,
    batch={20: 10, 50: 5, 100: 2},
    epochs=dict.fromkeys(paper.SIZES, 1),  # 150 steps
    sizes=paper.SIZES,
    depths=paper.DEPTHS,
    rates=paper.RATES,
    seeds=(30, 40),
    long_epochs={20: 10, 50: 7, 100: 4},
    long_depth=5,
    long_seeds=(30,),
    moved=50,
    rolled=50,
)
PAPER = Scale(
    name="paper",
    hidden=64,
    train=dict.fromkeys(paper.SIZES, 3000),
    val=2000,
    test=2000,
    batch=dict.fromkeys(paper.SIZES, 50),
    epochs=dict.fromkeys(paper.SIZES, 1000),
    sizes=paper.SIZES,
    depths=paper.DEPTHS,
    rates=paper.RATES,
    seeds=paper.SEEDS,
    long_epochs=dict.fromkeys(paper.SIZES, 1000),
    long_depth=5,
    long_seeds=paper.SEEDS,
    moved=2000,
    rolled=200,
)
SCALES = {scale.name: scale for scale in (SMOKE, SMALL, PAPER)}

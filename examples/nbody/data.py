"""The charged particles, as Lightning takes data."""

from __future__ import annotations

import os
from collections.abc import Sequence

from filelock import FileLock
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from eqnorm import nbody
from eqnorm.nbody.cache import cache_directory
from examples.nbody.batches import Batch, Pairs, in_order, shuffled


class ChargedParticles(LightningDataModule):
    """Charged N-body systems: state at one frame, positions at a later one.

    Simulated once and then read from a file; see :func:`eqnorm.nbody.load_datasets`.

    Args:
        n: particles in a system.
        train: training systems.
        val: validation systems, which choose the checkpoint.
        test: test systems.
        batch_size: systems in a step, over all processes.
        task: input and target frame.
        features: what h holds: "speed", "charge", "ones", or several.
        simulation_seed: of the simulator.
        seed: of the order of the training systems.
        cache_dir: where simulations are kept; None for the user's cache.
    """

    edge_dim = 2

    def __init__(
        self,
        n: int,
        train: int,
        val: int,
        test: int,
        batch_size: int = 50,
        task: Sequence[int] = (30, 40),
        features: str | Sequence[str] = "speed",
        simulation_seed: int = 43,
        seed: int = 0,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        self.n, self.sizes, self.batch_size = n, (train, val, test), batch_size
        self.task = tuple(task)
        self.features = (features,) if isinstance(features, str) else tuple(features)
        self.simulation_seed, self.seed, self.cache_dir = simulation_seed, seed, cache_dir
        self.node_dim = len(self.features)
        self._splits: nbody.Splits | None = None

    def prepare_data(self) -> None:
        """Simulate once: other processes, such as those of a sweep, wait and then read."""
        if self._splits is None:
            place = cache_directory(self.cache_dir)
            place.mkdir(parents=True, exist_ok=True)
            with FileLock(place / f"n{self.n}.lock"):
                self._splits = self._load()

    def setup(self, stage: str | None = None) -> None:
        """Read the systems."""
        if self._splits is None:
            self._splits = self._load()

    @property
    def splits(self) -> nbody.Splits:
        """Training, validation and test systems."""
        self.setup()
        assert self._splits is not None
        return self._splits

    def baselines(self) -> dict[str, float]:
        """Test errors without a network, which any network must beat."""
        fit = nbody.linear(self.splits.train, self.splits.test)
        return {
            "no_motion": nbody.no_motion(self.splits.test),
            "linear": fit.mse,
            "linear_coefficient": fit.coefficient,
            "centre": nbody.centre(self.splits.test),
        }

    def train_dataloader(self) -> DataLoader[Batch]:
        """In an order that depends on the seed and the epoch only."""
        return shuffled(Pairs(self.splits.train), self.batch_size, self.seed, *self._place)

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return in_order(Pairs(self.splits.val), self.batch_size, *self._place)

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return in_order(Pairs(self.splits.test), self.batch_size, *self._place)

    @property
    def _place(self) -> tuple[int, int]:
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)

    def _load(self) -> nbody.Splits:
        return nbody.load_datasets(
            self.n,
            self.task,
            sizes=self.sizes,
            seed=self.simulation_seed,
            cache_dir=self.cache_dir,
            features=self.features,
        )

"""The data as Lightning takes them."""

from __future__ import annotations

from abc import abstractmethod

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from examples.nbody.batches import Batch, in_order, shuffled
from examples.nbody.real import adk, argon
from examples.nbody.real.baselines import Baseline, baselines
from examples.nbody.real.collate import Systems
from examples.nbody.real.systems import systems
from examples.nbody.real.trajectory import Split, Trajectory, time_ordered


class RealData(LightningDataModule):
    """Windows of one trajectory, split by time; neighbours are looked for once per frame.

    Batches have x, v, h, target (N, ...), edge_attr (E, 0) and graph. v is in Å for the horizon:
    x + v is where a particle would be without forces.

    Args:
        horizon: frames from input to target.
        cutoff: of the edges, Å.
        val: windows that choose the checkpoint.
        test: the last windows.
        first: first frame that can be an input.
        batch_size: frames per batch.
        open: leave the periodic box away, where there is one.
        seed: of the order of the training frames.
    """

    edge_dim = 0

    def __init__(
        self,
        horizon: int,
        cutoff: float,
        val: int,
        test: int,
        first: int,
        batch_size: int,
        open: bool,
        seed: int,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not cutoff > 0:
            raise ValueError(f"cutoff must be positive, in Å, got {cutoff}")
        self.horizon, self.cutoff = horizon, cutoff
        self._windows = (val, test, first)
        self.batch_size, self.open, self.seed = batch_size, open, seed
        self._sets: dict[str, Systems] = {}

    @abstractmethod
    def read(self) -> Trajectory:
        """The whole trajectory."""

    def setup(self, stage: str | None = None) -> None:
        """Read the file and look for neighbours, once."""
        if self._sets:
            return
        self.trajectory = self.read()
        self.split = self._split()
        for name in ("train", "val", "test"):
            inputs: range = getattr(self.split, name)
            made = systems(self.trajectory, inputs, self.horizon, self.cutoff, open=self.open)
            self._sets[name] = Systems(made)
        self.node_dim = self.dataset("test").systems[0].h.shape[1]

    def dataset(self, name: str) -> Systems:
        """ "train", "val" or "test"."""
        return self._sets[name]

    def baselines(self) -> dict[str, float]:
        """Test errors without a network, Å², by name: "no_motion" and others."""
        return {found.name: found.mse for found in self.all_baselines()}

    def all_baselines(self) -> list[Baseline]:
        """The same with their coefficients."""
        self.setup()
        return baselines(self.trajectory, self.split)

    def train_dataloader(self) -> DataLoader[Batch]:
        """In an order that depends on the seed and the epoch only."""
        return shuffled(self.dataset("train"), self.batch_size, self.seed, *self._place)

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order of time."""
        return in_order(self.dataset("val"), self.batch_size, *self._place)

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order of time."""
        return in_order(self.dataset("test"), self.batch_size, *self._place)

    @property
    def _place(self) -> tuple[int, int]:
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)

    def _split(self) -> Split:
        frames = self.trajectory.num_frames
        return time_ordered(frames, self.horizon, *self._windows)


class ArgonData(RealData):
    """Liquid argon: 1000 atoms in a periodic box, 10 frames (0.2 ps) ahead.

    Args:
        cutoff: 5.5 Å reaches past the first shell of neighbours (the first minimum of the pair
            distribution): 14 of them.
        open: the same atoms as a free droplet, without the edges through the boundaries: for norms
            that have no meaning in a box. Atoms at its faces lack neighbours.
    """

    def __init__(
        self,
        horizon: int = 10,
        cutoff: float = 5.5,
        val: int = 10,
        test: int = 10,
        batch_size: int = 1,
        open: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, cutoff, val, test, 0, batch_size, open, seed)

    def read(self) -> Trajectory:
        return argon.read()


class AdKData(RealData):
    """AdK: one frame ahead; velocities are the displacements from the frame before.

    Args:
        selection: "ca", "backbone" or "all".
    """

    def __init__(
        self,
        selection: str = "ca",
        horizon: int = 1,
        cutoff: float = 10.0,
        val: int = 10,
        test: int = 20,
        batch_size: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, cutoff, val, test, 1, batch_size, True, seed)
        self.selection = selection

    def read(self) -> Trajectory:
        return adk.read(self.selection)

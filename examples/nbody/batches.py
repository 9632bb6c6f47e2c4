"""Batches of a data set, the same ones on one process and on several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, DistributedSampler, Subset

from eqnorm import Graph, nbody
from eqnorm.nbody.batch import collate


class Batch(TypedDict):
    """What a network is given, for all systems of a batch.

    Attributes:
        x: positions, (N, 3).
        v: velocities, (N, 3).
        h: invariants of the particles, (N, F).
        edge_attr: invariants of the edges, (E, K).
        target: positions to predict, (N, 3).
        graph: which particle is in which system, and the edges.
    """

    x: Tensor
    v: Tensor
    h: Tensor
    edge_attr: Tensor
    target: Tensor
    graph: Graph


class Pairs(Dataset[Batch]):
    """Simulated systems, whole batches at a time: `DataLoader` asks ``__getitems__`` for them.

    Args:
        data: the systems.
    """

    def __init__(self, data: nbody.NBodyDataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, index: Sequence[int]) -> Batch:
        d, index = self.data, list(index)
        made = collate(d.x[index], d.v[index], d.h[index], d.charges[index], d.y[index])
        return Batch(
            x=made.x,
            v=made.v,
            h=made.h,
            edge_attr=made.edge_attr,
            target=made.y,
            graph=made.graph(),
        )


def whole(batch: Batch) -> Batch:
    """Nothing to collate: the data set made the batch."""
    return batch


def shuffled(
    data: Dataset[Batch], batch_size: int, seed: int, rank: int, world: int
) -> DataLoader[Batch]:
    """Training batches whose order is a function of seed and epoch alone.

    A run that is taken up again at epoch k sees what it would have seen; R processes see, batch
    by batch, the R parts of the batches of one process.

    Args:
        data: systems.
        batch_size: of all processes together.
        seed: of the order.
        rank: of this process.
        world: R.

    Raises:
        ValueError: the batch cannot be split evenly, or is larger than the data set.
    """
    if batch_size % world:
        raise ValueError(
            f"batch_size must be a multiple of the {world} processes, got {batch_size}: it counts "
            "the systems of all processes together"
        )
    count = len(data)  # type: ignore[arg-type]
    if batch_size > count:
        raise ValueError(f"batch_size must be at most the {count} systems, got {batch_size}")
    sampler = DistributedSampler(data, world, rank, shuffle=True, seed=seed)
    return DataLoader(data, batch_size // world, sampler=sampler, collate_fn=whole)


def in_order(data: Dataset[Batch], batch_size: int, rank: int, world: int) -> DataLoader[Batch]:
    """Every system once, over all processes: none twice to fill up, which would weigh it double."""
    part = Subset(data, range(rank, len(data), world))  # type: ignore[arg-type]
    sampler = BatchSampler(range(len(part)), max(1, batch_size // world), drop_last=False)
    return DataLoader(part, batch_sampler=sampler, collate_fn=whole)

"""Batches of a data set, the same ones on one process and on several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    Sampler,
    Subset,
)

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


def whole(batch: Any) -> Any:
    """Nothing to collate: the data set made the batch."""
    return batch


class Share(BatchSampler):
    """This process's part of each batch of one process.

    Args:
        order: of all systems.
        batch_size: of all processes together.
        rank: of this process.
        world: processes.
    """

    def __init__(self, order: Sampler[int], batch_size: int, rank: int, world: int) -> None:
        super().__init__(order, batch_size, drop_last=False)
        self.rank, self.world = rank, world

    def __iter__(self) -> Iterator[list[int]]:
        for batch in super().__iter__():
            yield batch[self.rank :: self.world]


def shuffled(
    data: Dataset[Batch], batch_size: int, seed: int, rank: int, world: int
) -> DataLoader[Batch]:
    """Training batches whose order is a function of seed and epoch alone.

    A run that is taken up again at epoch k sees what it would have seen; R processes see, batch
    by batch, the R parts of the batches of one process, the last and smaller one too.

    Args:
        data: systems.
        batch_size: of all processes together.
        seed: of the order.
        rank: of this process.
        world: R.

    Raises:
        ValueError: the batch is larger than the data set, or a process would have no part of one.
    """
    count = len(data)  # type: ignore[arg-type]
    if batch_size > count:
        raise ValueError(f"batch_size must be at most the {count} systems, got {batch_size}")
    smallest = count % batch_size or batch_size
    if smallest < world:
        raise ValueError(
            f"batch_size must leave every batch a system for each of the {world} processes: "
            f"{count} systems in batches of {batch_size} end with one of {smallest}; it counts the "
            "systems of all processes together"
        )
    order: Any = DistributedSampler(data, 1, 0, shuffle=True, seed=seed)
    return DataLoader(data, batch_sampler=Share(order, batch_size, rank, world), collate_fn=whole)


def in_order(data: Dataset[Batch], batch_size: int, rank: int, world: int) -> DataLoader[Batch]:
    """Every system once, over all processes: none twice to fill up, which would weigh it double.

    Raises:
        ValueError: there are fewer systems than processes.
    """
    count = len(data)  # type: ignore[arg-type]
    if count < world:
        raise ValueError(f"there must be a system for each of the {world} processes, got {count}")
    part = Subset(data, range(rank, count, world))
    sampler = BatchSampler(range(len(part)), max(1, batch_size // world), drop_last=False)
    return DataLoader(part, batch_sampler=sampler, collate_fn=whole)

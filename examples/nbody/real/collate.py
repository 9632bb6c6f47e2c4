"""Systems with their neighbours, and several of them joined into one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from eqnorm import Graph
from examples.nbody.batches import Batch
from examples.nbody.real.system import System


class Systems(Dataset[Batch]):
    """Systems with their graphs, whose edges are looked for once.

    Args:
        systems: one configuration each.
    """

    def __init__(self, systems: Sequence[System]) -> None:
        self.systems = list(systems)
        self._graphs = [system.graph() for system in systems]

    def __len__(self) -> int:
        return len(self.systems)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, index: Sequence[int]) -> Batch:
        chosen = [self.systems[k] for k in index]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(system, name) for system in chosen]).float()

        graph = join([self._graphs[k] for k in index])
        return Batch(
            x=joined("x"),
            v=joined("v"),
            h=joined("h"),
            edge_attr=torch.zeros(graph.num_edges, 0),
            target=joined("target"),
            graph=graph,
        )


def join(graphs: Sequence[Graph]) -> Graph:
    """Graphs of one system each as one graph of several, periodic if they are.

    Raises:
        ValueError: some are periodic and some are not.
    """
    if len(graphs) == 1:
        return graphs[0]
    boxes = [graph.box for graph in graphs if graph.box is not None]
    shifts = [graph.shifts for graph in graphs if graph.shifts is not None]
    if len(boxes) not in (0, len(graphs)):
        raise ValueError(
            f"{len(boxes)} of {len(graphs)} graphs are periodic; a batch must be all one or the "
            "other"
        )
    sizes = torch.tensor([graph.num_nodes for graph in graphs])
    offsets = (sizes.cumsum(0) - sizes).tolist()
    edges = torch.cat([g.edge_index + o for g, o in zip(graphs, offsets, strict=True)], dim=1)
    return Graph.from_edges(
        edges,
        torch.repeat_interleave(torch.arange(len(graphs)), sizes),
        len(graphs),
        shifts=torch.cat(shifts) if shifts else None,
        box=torch.cat(boxes) if boxes else None,
    )

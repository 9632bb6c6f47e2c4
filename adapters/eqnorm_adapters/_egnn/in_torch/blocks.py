"""Edges of a graph, and their blocks, as a layer of an EGNN in torch wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from eqnorm import Graph

_BLOCK = 1 << 18  # numbers: 1 MiB in float32, what a core's cache holds


class Place(NamedTuple):
    """A block of edges, or all of a graph.

    Attributes:
        senders: shape (e,), int64.
        receivers: shape (e,), int64.
        degree: edges of every node, one node after the other, so that a block has nodes of its
            own; None for listed edges, any of which may be of any node.
    """

    senders: Tensor
    receivers: Tensor
    degree: int | None

    def gather(self, values: Tensor, out: Tensor) -> None:
        """Add to every edge what its receiver has, in place: (n, C) to (e, C)."""
        if self.degree is None:
            out.add_(values.index_select(0, self.receivers))
        else:
            out.view(-1, self.degree, out.shape[1]).add_(values.unsqueeze(1))

    def sums(self, like: Tensor) -> Tensor:
        """Room for what :meth:`collect` writes of all blocks, or adds up for listed edges."""
        return torch.zeros_like(like) if self.degree is None else torch.empty_like(like)

    def collect(self, values: Tensor, out: Tensor) -> Tensor:
        """Sums over the edges that each node receives: (e, D) to (n, D)."""
        if self.degree is None:
            return out.index_add_(0, self.receivers, values)
        by_node = values.view(-1, self.degree, values.shape[1])
        return torch.sum(by_node, 1, out=out)

    def weighted(self, weights: Tensor, vectors: Tensor, nodes: int) -> Tensor:
        """Sums of w_ij d_ij over the edges that a node receives: (E, 1), (E, 3) to (N, 3)."""
        if self.degree is None:
            return self.collect(vectors * weights, vectors.new_zeros(nodes, 3))
        one_each = weights.view(nodes, 1, self.degree), vectors.view(nodes, self.degree, 3)
        return torch.bmm(*one_each).view(nodes, 3)

    def steps(self, width: int) -> tuple[int, int | None]:
        """Edges and nodes of a block for so many channels; None for all nodes.

        On a GPU, where blocks would be many small kernels, one holds everything.
        """
        edges = self.senders.shape[0]
        if self.senders.device.type == "cpu":
            edges = min(edges, max(1, torch.get_num_threads() * _BLOCK // width))
        if self.degree is None:
            return edges, None
        nodes = max(1, edges // self.degree)
        return nodes * self.degree, nodes

    def blocks(
        self, width: int, nodes: Sequence[Tensor | None], edges: Sequence[Tensor]
    ) -> Iterator[tuple[Place, Sequence[Any], Sequence[Tensor]]]:
        """Block by block, with its rows, as views, of tensors of nodes and of edges."""
        rows, own = self.steps(width)
        if rows >= self.senders.shape[0]:
            yield self, nodes, edges
            return
        of_nodes = [
            repeat(t) if t is None or own is None else iter(torch.split(t, own)) for t in nodes
        ]
        of_edges = [torch.split(t, rows) for t in (self.senders, self.receivers, *edges)]
        for senders, receivers, *more in zip(*of_edges, strict=True):
            here = [next(t) for t in of_nodes]
            yield Place(senders, receivers, self.degree), here, more


_MADE: WeakKeyDictionary[Graph, Place] = WeakKeyDictionary()


def whole(graph: Graph) -> Place:
    """All edges of a graph; made once, its layers and training steps share it."""
    found = _MADE.get(graph)
    if found is None:
        degree = None if graph.neighbors is None else graph.neighbors.shape[1]
        found = _MADE[graph] = Place(graph.senders, graph.receivers, degree)
    return found

"""Statistics over the nodes of all processes of a distributed training, as in SyncBatchNorm.

A batch norm that sees one process's part of a batch normalises each part by itself: the network is
then another one than on one process, and running statistics drift apart. Here the sums of all
processes are added, forward and backward, so that outputs and gradients are those of one process
with the whole batch, whatever part of its rows each process has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from eqnorm.graph import Graph


class RanksGraph:
    """The nodes of all processes as those of one graph: what norms of a batch read of a Graph.

    Every process must build it, and ask for the same means in the same order, as for all
    collectives. The default process group is used.

    Args:
        graph: one graph with the nodes of this process; masked ones do not count.

    Attributes:
        counts: nodes of all processes, (1,).
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.counts = graph.counts.clone()
        dist.all_reduce(self.counts)

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the nodes of all processes, (1, D), of this process's rows (N, D)."""
        return _sum_of_ranks(self._graph.sum(x)) / self.counts.clamp(min=1).to(x.dtype)

    def spread(self, x: Tensor) -> Tensor:
        """The row for every node of this process."""
        return self._graph.spread(x)


def graph_of_ranks(graph: Graph) -> RanksGraph | None:
    """The nodes of all processes if there are several, else None."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return None
    return RanksGraph(graph)


class _SumOfRanks(torch.autograd.Function):
    """Sum over processes. Its gradient is the sum of theirs: each one's output read the sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _sum_of_ranks(grads[0])


_sum_of_ranks: Callable[[Tensor], Tensor] = _SumOfRanks.apply

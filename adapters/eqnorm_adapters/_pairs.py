"""The pairs of complete graphs: half as many as edges, with the same distances."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from eqnorm import Graph


class Pairs(NamedTuple):
    """Of each two nodes of a graph one edge: the one that the node with the lower index receives.

    Attributes:
        receivers: shape (P,), int64.
        senders: shape (P,), int64, each above its receiver.
    """

    receivers: Tensor
    senders: Tensor

    def relative(self, x: Tensor) -> Tensor:
        """x_i - x_j of receiver i and sender j, shape (P, 3)."""
        return x.index_select(0, self.receivers) - x.index_select(0, self.senders)

    def at_edges(self, harmonics: Tensor, phi: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        """Harmonics and radial features of the edges, from those of the pairs."""
        assert graph.neighbors is not None
        size = graph.neighbors.shape[0]
        i = torch.arange(size, device=phi.device).unsqueeze(1)
        low, high = torch.minimum(i, graph.neighbors), torch.maximum(i, graph.neighbors)
        rank = (low * (2 * size - low - 1) // 2 + high - low - 1).flatten()
        first = torch.arange(graph.num_graphs, device=phi.device) * (size * (size - 1) // 2)
        index = (first.unsqueeze(1) + rank).flatten()
        # Y of degree l of the opposite direction is (-1)^l times as large.
        opposite = (graph.neighbors < i).flatten().repeat(graph.num_graphs).unsqueeze(1)
        degrees = [math.isqrt(component) for component in range(harmonics.shape[1])]
        odd = torch.tensor([degree % 2 == 1 for degree in degrees], device=phi.device)
        signs = 1 - 2 * (opposite & odd).to(harmonics.dtype)
        return harmonics.index_select(0, index) * signs, phi.index_select(0, index)


def pairs_of(graph: Graph) -> Pairs | None:
    """All pairs of uniform complete graphs; None for other graphs, and where torch.compile looks.

    Only for what is the same for both edges of a pair but for the sign of the direction: no
    features of edges, no norms of their vectors.
    """
    if graph.neighbors is None or graph.shifts is not None or torch.compiler.is_compiling():
        return None
    size = graph.neighbors.shape[0]
    device = graph.neighbors.device
    rows = torch.triu_indices(size, size, 1, device=device)
    first = torch.arange(0, graph.num_nodes, size, device=device)
    receivers, senders = (rows.unsqueeze(1) + first.view(-1, 1)).flatten(1).unbind()
    return Pairs(receivers, senders)

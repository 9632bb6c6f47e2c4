"""Sums over the edges of a graph, dense for complete graphs and over an edge list for others."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from eqnorm import Graph

Aggregation = Literal["sum", "mean", "sqrt"]


def pair(receive: Tensor, send: Tensor, graph: Graph) -> Tensor:
    """a_i + b_j of every edge: two (N, C) -> (E, C)."""
    if graph.neighbors is None:
        return receive.index_select(0, graph.receivers) + send.index_select(0, graph.senders)
    size, degree = graph.neighbors.shape
    gathered = send.view(graph.num_graphs, size, -1).index_select(1, graph.neighbors.flatten())
    gathered = gathered.view(graph.num_graphs * size, degree, -1)
    return (gathered + receive.unsqueeze(1)).flatten(0, 1)


def difference(x: Tensor, graph: Graph) -> Tensor:
    """x_i - x_j of every edge: (N, 3) -> (E, 3)."""
    return pair(x, -x, graph)


def weighted_sum(weight: Tensor, vectors: Tensor, graph: Graph, how: Aggregation) -> Tensor:
    """Sum, mean or scaled sum over the edges of each node of w_ij d_ij: (E, 1), (E, 3) -> (N, 3).

    Both are multiplied in the precision of the vectors, under autocast too.
    """
    return graph.aggregate(vectors * weight.to(vectors.dtype), how)

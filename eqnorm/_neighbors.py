"""Neighbour lists, open and periodic, by vesin; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from eqnorm._box import lattice_vectors, parse_box
from eqnorm._edges import from_batch, from_edges, single
from eqnorm._index_checks import described, only_graph

if TYPE_CHECKING:
    from eqnorm.graph import Graph


def radius(
    kind: type[Graph],
    x: Tensor,
    cutoff: float,
    batch: Tensor | None,
    box: Tensor | None,
    num_graphs: int | None,
) -> Graph:
    """See :meth:`eqnorm.Graph.radius`."""
    if not isinstance(x, Tensor) or x.dim() != 2 or x.shape[-1] != 3:
        raise ValueError(f"x must have shape (N, 3), got {described(x)}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("x holds NaN or Inf; clean the positions before looking for neighbours")
    if np.ndim(cutoff) or not isinstance(cutoff, int | float | Tensor | np.ndarray | np.number):
        raise TypeError(f"cutoff must be a number, in the unit of x, got {type(cutoff).__name__}")
    if not 0 < cutoff < math.inf:
        raise ValueError(
            f"cutoff must be positive, in the unit of x, got {cutoff}; for all pairs use "
            "Graph.complete"
        )
    if batch is None:
        only_graph(num_graphs)
        nodes = single(kind, x.shape[0], x.device)
    else:
        nodes = from_batch(kind, batch, num_graphs, True)
    if nodes.num_nodes != x.shape[0]:
        raise ValueError(
            f"batch has {nodes.num_nodes} entries but x has {x.shape[0]} rows; give one graph "
            "index per node"
        )
    cells = None if box is None else parse_box(box, nodes.num_graphs, x.device)
    edge_index, numbers = _pairs(x, float(cutoff), nodes, cells)
    graph = from_edges(
        kind,
        edge_index.to(x.device),
        nodes.batch,
        nodes.num_graphs,
        None,
        "source_to_target",
        False,
    )
    # from_batch, asked to look, has found out more than from_edges, which was not.
    graph = dataclasses.replace(graph, uniform=nodes.uniform)
    if cells is None:
        return graph
    owner = graph.batch.index_select(0, graph.receivers)
    shifts = lattice_vectors(numbers.to(x.device), cells, owner)
    return dataclasses.replace(graph, shifts=shifts, box=cells)


def _pairs(x: Tensor, cutoff: float, nodes: Graph, cells: Tensor | None) -> tuple[Tensor, Tensor]:
    """Senders and receivers (2, E) and numbers of lattice vectors (E, 3), graph by graph."""
    try:
        from vesin import NeighborList
    except ImportError as error:
        raise ImportError(
            "Graph.radius needs vesin: pip install 'eqnorm-zoo[neighbors]'"
        ) from error
    points = x.detach().double().cpu()
    finder = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
    boxes = torch.zeros(nodes.num_graphs, 3, 3) if cells is None else cells.detach().cpu()
    members = torch.split(nodes.batch.cpu().argsort(stable=True), nodes.counts.tolist())
    pairs, numbers = [], []
    for own, cell in zip(members, boxes.double(), strict=True):
        if own.numel() < (2 if cells is None else 1):
            continue
        found, crossed = finder.compute(
            points.index_select(0, own).numpy(), cell.numpy(), cells is not None, "PS"
        )
        # Its indices are of an unsigned type, which torch does not index with.
        i, j = torch.as_tensor(found.view("int64")).unbind(1)
        pairs.append(torch.stack([own.index_select(0, j), own.index_select(0, i)]))
        # vesin's vectors lead from i to j, x_j - x_i + crossed; ours are x_i - x_j + shift.
        numbers.append(-torch.as_tensor(crossed))
    if not pairs:
        none = torch.empty(0, dtype=torch.int64)
        return none.view(2, 0), none.view(0, 3)
    return torch.cat(pairs, dim=1), torch.cat(numbers)

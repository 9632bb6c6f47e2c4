"""What norms and backbones accept as a graph; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm._edges import from_batch, single

if TYPE_CHECKING:
    from eqnorm.graph import Graph


def as_graph(
    kind: type[Graph], graph: Graph | Tensor | None, num_nodes: int, device: torch.device
) -> Graph:
    """See :func:`eqnorm.graph.as_graph`."""
    if graph is None:
        return single(kind, num_nodes, device)
    if isinstance(graph, Tensor):
        if graph.dim() == 1 and graph.shape[0] != num_nodes:
            raise ValueError(
                f"batch has {graph.shape[0]} entries but the input has {num_nodes} nodes; "
                "give one graph index per node"
            )
        graph = from_batch(kind, graph, None, True)
    if not isinstance(graph, kind):
        raise TypeError(
            "graph must be an eqnorm.Graph, a batch vector (LongTensor of shape (N,)) or None, "
            f"got {type(graph).__name__}"
        )
    if graph.num_nodes != num_nodes:
        raise ValueError(
            f"graph is over {graph.num_nodes} nodes but the input has {num_nodes}; "
            "build the graph for the same batch of systems"
        )
    if graph.device != device:
        raise ValueError(
            f"graph is on {graph.device} but the input is on {device}; "
            f"use graph.to({str(device)!r})"
        )
    return graph

"""What layers of an EGNN in one call are told beside tensors that have gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled.inputs import Edges

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

_HOW = {"sum": 0, "mean": 1, "sqrt": 2}


class Settings(NamedTuple):
    """What is not differentiated.

    Attributes:
        edges: as the kernel of the edges takes them.
        degrees: number of edges of every node, shape (N,), int64; None for complete graphs of
            one size.
        message_how: 0 for sums of messages, 1 for means, 2 for sums over the root of the number.
        move_how: the same of weighted relative vectors.
        weight: factor of the latter.
        update: whether, of a single layer, the update of positions comes out in their place.
        residual: whether features are added to their update.
        keep: whether there will be gradients.
        threads: at most, in both directions: what edges keep lies in the order of their parts.
    """

    edges: Edges
    degrees: Tensor | None
    message_how: int
    move_how: int
    weight: float
    update: bool
    residual: bool
    keep: bool
    threads: int

    @property
    def degree(self) -> int:
        """Edges of every node where `degrees` is None."""
        return self.edges.size - 1


def settings_of(layer: EGNNLayer, edges: Edges, graph: Graph, update: bool) -> Settings:
    """Of a layer on a graph; ``edges``: the same graph as the kernel takes it."""
    return Settings(
        edges,
        graph.degrees if graph.neighbors is None else None,
        _HOW[layer.message_aggregation],
        _HOW[layer.coord_aggregation],
        layer.coords_weight,
        update,
        layer.residual,
        torch.is_grad_enabled(),
        0 if torch.compiler.is_compiling() else torch.get_num_threads(),
    )

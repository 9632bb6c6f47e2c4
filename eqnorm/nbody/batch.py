"""Flat batches of systems of equal size, in the layout that backbones take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Batch(NamedTuple):
    """B systems of N particles with complete graphs.

    Attributes:
        x, v, y: Input positions, input velocities, target positions, (B*N, 3).
        h: Node features, (B*N, F).
        edge_attr: Charge product and squared distance, (B*N*(N-1), 2).
        charges: (B*N, 1).
        num_graphs: B.
        num_nodes: N.
    """

    x: Tensor
    v: Tensor
    h: Tensor
    edge_attr: Tensor
    charges: Tensor
    y: Tensor
    num_graphs: int
    num_nodes: int

    def to(self, device: torch.device | str) -> Batch:
        """The batch on another device."""
        return Batch(
            self.x.to(device),
            self.v.to(device),
            self.h.to(device),
            self.edge_attr.to(device),
            self.charges.to(device),
            self.y.to(device),
            self.num_graphs,
            self.num_nodes,
        )

    @property
    def edge_index(self) -> Tensor:
        """Edges in the order of `edge_attr`, PyG's way: (senders, receivers), (2, B*N*(N-1))."""
        import torch

        pair = torch.stack(complete_edges(self.num_nodes)[::-1]).to(self.x.device)
        shift = self.num_nodes * torch.arange(self.num_graphs, device=self.x.device)
        return (pair[:, None] + shift[:, None]).reshape(2, -1)

    def graph(self) -> Any:
        """The batch's `eqnorm.Graph`."""
        from eqnorm.graph import Graph

        return Graph.complete(self.num_graphs, self.num_nodes)


def complete_edges(num_nodes: int) -> tuple[Tensor, Tensor]:
    """Receivers i and senders j != i of a complete graph, by i, then by j: (N(N-1),) each."""
    import torch

    number = torch.arange(num_nodes)
    off_diagonal = number[:, None] != number
    receivers, senders = off_diagonal.nonzero(as_tuple=True)
    return receivers, senders


def edge_attributes(x: Tensor, charges: Tensor) -> Tensor:
    """Charge products and squared distances, (B, N(N-1), 2), from x (B, N, 3), q (B, N, 1)."""
    import torch

    receivers, senders = (index.to(x.device) for index in complete_edges(x.shape[1]))
    product = charges[:, receivers] * charges[:, senders]
    square = (x[:, receivers] - x[:, senders]).square().sum(-1, keepdim=True)
    return torch.cat((product, square), dim=-1)


def collate(x: Tensor, v: Tensor, h: Tensor, charges: Tensor, y: Tensor) -> Batch:
    """Flattens systems (B, N, ...) into a batch."""
    edges = edge_attributes(x, charges)
    return Batch(
        x.flatten(0, 1),
        v.flatten(0, 1),
        h.flatten(0, 1),
        edges.flatten(0, 1),
        charges.flatten(0, 1),
        y.flatten(0, 1),
        x.shape[0],
        x.shape[1],
    )

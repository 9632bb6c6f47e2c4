"""Other packages to compare with, where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

_PEERS = {
    "egnn-pytorch": ("egnn_pytorch", "models"),
    "torch-geometric": ("torch_geometric", "norms and models"),
    "numba": ("numba", "the simulator and compiled norms"),
}


def missing_peers() -> dict[str, str]:
    """What is not installed, and so left out: distributions, and the part that lacks them."""
    return {
        name: part
        for name, (package, part) in _PEERS.items()
        if importlib.util.find_spec(package) is None
    }


def peer(distribution: str) -> ModuleType | None:
    """The package, imported, or None where it is not installed."""
    if distribution in missing_peers():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of their imports: nothing that the user could do
        return importlib.import_module(_PEERS[distribution][0])


class StackedEGNN(nn.Module):
    """Layers of egnn-pytorch's EGNN: the features of nodes embedded, complete graphs."""

    def __init__(self, package: Any, hidden: int, layers: int, edge_dim: int) -> None:
        super().__init__()
        self.embed = nn.Linear(1, hidden)
        self.layers = nn.ModuleList(
            package.EGNN(dim=hidden, m_dim=hidden, edge_dim=edge_dim) for _ in range(layers)
        )

    def forward(self, x: Tensor, h: Tensor, edges: Tensor) -> Tensor:
        """Positions (B, N, 3), features (B, N, 1) and pairs (B, N, N, K) to positions."""
        h = self.embed(h)
        for layer in self.layers:
            h, x = layer(h, x, edges)
        return x


def schnet(package: Any, hidden: int, layers: int, graph: Any) -> nn.Module:
    """PyTorch Geometric's SchNet on the edges of ``graph``: invariant, one number a graph."""
    models = package.nn.models
    senders, receivers = graph.edge_index

    def interaction_graph(x: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        difference = x.index_select(0, senders) - x.index_select(0, receivers)
        length = (difference.square().sum(-1) + 1e-12).sqrt()
        return torch.stack((senders, receivers)), length

    made: nn.Module = models.SchNet(
        hidden_channels=hidden,
        num_filters=hidden,
        num_interactions=layers,
        interaction_graph=interaction_graph,
    )
    return made

"""Models with the module names and signatures of well-known ones, written anew."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Layer(nn.Module):
    """As `E_GCL` of vgsatorras/egnn: (h, edge_index, coord, ...) -> (h, coord, edge_attr)."""

    def __init__(self, width: int, edges: int = 0, messages: str = "sum") -> None:
        super().__init__()
        self.edge_mlp = nn.Sequential(nn.Linear(2 * width + 1 + edges, width), nn.SiLU())
        self.node_mlp = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU())
        self.coord_mlp = nn.Linear(width, 1, bias=False)

    def forward(self, h, edge_index, coord, edge_attr=None, node_attr=None):
        row, col = edge_index
        relative = coord[row] - coord[col]
        given = [h[row], h[col], relative.square().sum(1, keepdim=True)]
        message = self.edge_mlp(torch.cat([*given, *([] if edge_attr is None else [edge_attr])], 1))
        moved = torch.zeros_like(coord).index_add(0, row, relative * self.coord_mlp(message))
        count = torch.zeros_like(coord[:, :1]).index_add(0, row, torch.ones_like(message[:, :1]))
        total = h.new_zeros(h.shape[0], message.shape[1]).index_add(0, row, message)
        h = h + self.node_mlp(torch.cat([h, total], 1))
        return h, coord + moved / count.clamp(min=1), edge_attr


class LayerVel(Layer):
    """As `E_GCL_vel`, which writes into the coordinates that it is given."""

    def __init__(self, width: int, edges: int = 0) -> None:
        super().__init__(width, edges)
        self.coord_mlp_vel = nn.Linear(width, 1)

    def forward(self, h, edge_index, coord, vel, edge_attr=None, node_attr=None):
        new_h, new, edge_attr = super().forward(h, edge_index, coord, edge_attr)
        coord += new - coord + self.coord_mlp_vel(h) * vel
        return new_h, coord, edge_attr


class EGNN(nn.Module):
    """As `EGNN` of models/egnn_clean."""

    def __init__(self, width: int = 8, layers: int = 3, edges: int = 0) -> None:
        super().__init__()
        self.n_layers = layers
        self.embedding_in = nn.Linear(1, width)
        self.embedding_out = nn.Linear(width, 1)
        for i in range(layers):
            self.add_module(f"gcl_{i}", Layer(width, edges))

    def forward(self, h, x, edges, edge_attr):
        h = self.embedding_in(h)
        for i in range(self.n_layers):
            h, x, _ = self._modules[f"gcl_{i}"](h, edges, x, edge_attr=edge_attr)
        return self.embedding_out(h), x


class EGNNVel(nn.Module):
    """As `EGNN_vel` of n_body_system/model.py."""

    def __init__(self, width: int = 8, layers: int = 3, edges: int = 0) -> None:
        super().__init__()
        self.n_layers = layers
        self.embedding = nn.Linear(1, width)
        for i in range(layers):
            self.add_module(f"gcl_{i}", LayerVel(width, edges))

    def forward(self, h, x, edges, vel, edge_attr):
        h = self.embedding(h)
        for i in range(self.n_layers):
            h, x, _ = self._modules[f"gcl_{i}"](h, edges, x, vel, edge_attr=edge_attr)
        return x


class Pair(NamedTuple):
    scalars: Tensor
    points: Tensor


class Inner(nn.Module):
    """Returns its points in one of the ways in which layers return several things."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x, h):
        x = 2 * x + 1
        made = {
            "tensor": lambda: x,
            "tuple": lambda: (h, x),
            "list": lambda: [h, x],
            "dict": lambda: {"h": h, "x": x},
            "named": lambda: Pair(h, x),
            "nested": lambda: (h, {"deep": [x]}),
            "columns": lambda: torch.cat([x, h], -1),
        }
        return made[self.kind]()


class Outer(nn.Module):
    """One inner layer; the caller sees what it returns."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner = Inner(kind)

    def forward(self, x, h, batch=None, *, vel=None, **more):
        return self.inner(x, h)


class Reused(nn.Module):
    """Calls one layer several times, and raises when it is told to."""

    def __init__(self, times: int = 3) -> None:
        super().__init__()
        self.layer = Inner("tensor")
        self.times = times

    def forward(self, x, fail=False):
        for step in range(self.times):
            x = self.layer(x, None)
            if fail and step == 1:
                raise KeyError("told to")
        return x


def system(graphs: int = 2, nodes: int = 5, seed: int = 0, dtype=torch.float32):
    """h, x, edges, batch of complete graphs."""
    make = torch.Generator().manual_seed(seed)
    pairs = [(i, j) for i in range(nodes) for j in range(nodes) if i != j]
    edges = torch.tensor(
        [[i + g * nodes, j + g * nodes] for g in range(graphs) for i, j in pairs]
    ).T
    x = torch.randn(graphs * nodes, 3, generator=make, dtype=dtype)
    h = torch.ones(graphs * nodes, 1, dtype=dtype)
    return h, x, edges, torch.arange(graphs).repeat_interleave(nodes)

"""`tfn` and `nequip` as one writes them with e3nn's modules: same widths, paths and layers."""

from __future__ import annotations

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from e3nn.math import soft_one_hot_linspace
from torch import Tensor, nn

from eqnorm.graph import Graph

# By backbone: widths of the radial network, and the number of invariants of a node that choose
# the map of its own features (0: one map for all).
WIDTHS = {"tfn": ([8, 16], 0), "nequip": ([8, 64, 64], 1)}

silu, sigmoid = torch.nn.functional.silu, torch.sigmoid


def _uvu(irreps: o3.Irreps, filters: o3.Irreps) -> tuple[o3.TensorProduct, o3.Irreps]:
    """All paths that lead back to ``irreps``, sorted as NequIP does."""
    out: list[tuple[int, o3.Irrep]] = []
    instructions: list[tuple[int, int, int, str, bool]] = []
    for i, (mul, irrep) in enumerate(irreps):
        for j, (_, degree) in enumerate(filters):
            for result in irrep * degree:
                if result in irreps:
                    instructions.append((i, j, len(out), "uvu", True))
                    out.append((mul, result))
    sorted_out, place, _ = o3.Irreps(out).sort()
    instructions = [(i, j, place[k], mode, train) for i, j, k, mode, train in instructions]
    product = o3.TensorProduct(
        *(irreps, filters, sorted_out, instructions), internal_weights=False, shared_weights=False
    )
    return product, sorted_out.simplify()


class Radial(nn.Module):
    """Basis of distances and invariants of the edges, times an envelope, and a network of them."""

    def __init__(self, widths: list[int], out: int, edge_dim: int, cutoff: float | None) -> None:
        super().__init__()
        self.num_basis, self.cutoff = widths[0], cutoff
        self.fc = e3nn_nn.FullyConnectedNet([widths[0] + edge_dim, *widths[1:], out], silu)

    def forward(self, square: Tensor, edge_attr: Tensor | None) -> Tensor:
        """Weights (E, out) from squared distances (E,) and invariants (E, edge_dim)."""
        r = (square + 1e-6).sqrt()
        if self.cutoff is None:
            u = 0.5 * torch.log1p(square)
            phi = soft_one_hot_linspace(u, 0.0, 5.0, self.num_basis, "gaussian", False)
        else:
            phi = soft_one_hot_linspace(r, 0.0, self.cutoff, self.num_basis, "bessel", True)
        if edge_attr is not None:
            phi = torch.cat([phi, edge_attr], dim=-1)
        if self.cutoff is not None:
            t = (r / self.cutoff).clamp(max=1.0)
            phi = phi * (1 - 28 * t**6 + 48 * t**7 - 21 * t**8).unsqueeze(-1)
        weights: Tensor = self.fc(phi)
        return weights


class Layer(nn.Module):
    """Radial network, harmonics, tensor product, scatter, linear maps, gate, step of positions.

    Args:
        irreps: of the features, scalars first.
        lmax: of the filters.
        radial: widths of the radial network, from the basis to the last hidden layer.
        species: number of invariants of a node for NequIP's self-connection; 0 for a plain one.
        edge_dim: number of invariants of an edge.
        cutoff: of the radial basis.
    """

    def __init__(
        self,
        irreps: o3.Irreps,
        lmax: int,
        radial: list[int],
        species: int,
        edge_dim: int,
        cutoff: float | None,
    ) -> None:
        super().__init__()
        filters = o3.Irreps.spherical_harmonics(lmax)
        self.harmonics = o3.SphericalHarmonics(filters, normalize=True, normalization="component")
        self.product, messages = _uvu(irreps, filters)
        self.radial = Radial(radial, self.product.weight_numel, edge_dim, cutoff)
        scalars, rest = irreps[:1], irreps[1:]
        self.gate = e3nn_nn.Gate(
            *(scalars, [silu], f"{rest.num_irreps}x0e", [silu if species else sigmoid], rest)
        )
        self.linear_in = o3.Linear(irreps, irreps) if species else None
        self.linear_out = o3.Linear(messages, self.gate.irreps_in)
        self.own = (
            o3.FullyConnectedTensorProduct(irreps, f"{species}x0e", self.gate.irreps_in)
            if species
            else o3.Linear(irreps, self.gate.irreps_in)
        )
        self.read_messages, self.read_features = (o3.Linear(t, "1x1o") for t in (messages, irreps))

    def forward(
        self, x: Tensor, f: Tensor, h: Tensor, graph: Graph, edge_attr: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """New positions (N, 3) and features."""
        senders, receivers = graph.edge_index
        d = x.index_select(0, receivers) - x.index_select(0, senders)
        weights = self.radial(d.square().sum(-1), edge_attr)
        sent = f if self.linear_in is None else self.linear_in(f)
        messages = self.product(sent.index_select(0, senders), self.harmonics(d), weights)
        total = messages.new_zeros(x.shape[0], messages.shape[1]).index_add(0, receivers, messages)
        total = total / graph.degrees.unsqueeze(-1).clamp(min=1)
        own = self.own(f) if self.linear_in is None else self.own(f, h)
        new = self.gate(self.linear_out(total) + own)
        f = f + new if self.linear_in is None else new
        return x + 1e-3 * (self.read_messages(total) + self.read_features(f)), f


class Peer(nn.Module):
    """Layers of e3nn, with the features at the start from invariants h and velocities."""

    def __init__(
        self,
        name: str,
        channels: int = 16,
        layers: int = 4,
        lmax: int = 2,
        edge_dim: int = 0,
        cutoff: float | None = None,
    ) -> None:
        super().__init__()
        irreps = o3.Irreps([(channels, (l, (-1) ** l)) for l in range(lmax + 1)])
        radial, species = WIDTHS[name]
        self.embedding = o3.Linear("1x0e+1x1o", irreps)
        self.layers = nn.ModuleList(
            Layer(irreps, lmax, radial, species, edge_dim, cutoff) for _ in range(layers)
        )

    def forward(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor, edge_attr: Tensor | None = None
    ) -> Tensor:
        """Positions (N, 3)."""
        f: Tensor = self.embedding(torch.cat([h, v], dim=-1))
        for layer in self.layers:
            x, f = layer(x, f, h, graph, edge_attr)
        return x

"""`tfn` and `nequip` as one writes them with e3nn's modules: same widths, paths and layers."""

from __future__ import annotations

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._radial import RadialBasis

silu, sigmoid = torch.nn.functional.silu, torch.sigmoid


def _uvu(irreps: o3.Irreps, filters: o3.Irreps) -> tuple[o3.TensorProduct, o3.Irreps]:
    """All paths that lead back to ``irreps``, sorted as NequIP does."""
    out, instructions = [], []
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


class Layer(nn.Module):
    """Radial network, harmonics, tensor product, scatter, linear maps, gate, step of positions.

    Args:
        irreps: of the features, scalars first.
        lmax: of the filters.
        radial: widths of the radial network, from the basis to the last hidden layer.
        species: number of invariants of a node for NequIP's self-connection; 0 for a plain one.
        cutoff: of the radial basis.
    """

    def __init__(
        self, irreps: o3.Irreps, lmax: int, radial: list[int], species: int, cutoff: float | None
    ) -> None:
        super().__init__()
        filters = o3.Irreps.spherical_harmonics(lmax)
        self.basis = RadialBasis(radial[0], cutoff)
        self.harmonics = o3.SphericalHarmonics(filters, normalize=True, normalization="component")
        self.product, messages = _uvu(irreps, filters)
        self.fc = e3nn_nn.FullyConnectedNet([*radial, self.product.weight_numel], silu)
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

    def forward(self, x: Tensor, f: Tensor, h: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        """New positions (N, 3) and features."""
        senders, receivers = graph.edge_index
        d = x.index_select(0, receivers) - x.index_select(0, senders)
        square = d.square().sum(-1, keepdim=True)
        phi = self.basis(square)
        envelope = self.basis.envelope(square)
        weights = self.fc(phi if envelope is None else phi * envelope)
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
        cutoff: float | None = None,
    ) -> None:
        super().__init__()
        irreps = o3.Irreps([(channels, (l, (-1) ** l)) for l in range(lmax + 1)])
        radial, species = {"tfn": ([8, 16], 0), "nequip": ([8, 64, 64], 1)}[name]
        self.embedding = o3.Linear("1x0e+1x1o", irreps)
        self.layers = nn.ModuleList(
            Layer(irreps, lmax, radial, species, cutoff) for _ in range(layers)
        )

    def forward(self, x: Tensor, graph: Graph, h: Tensor, v: Tensor) -> Tensor:
        """Positions (N, 3)."""
        f = self.embedding(torch.cat([h, v], dim=-1))
        for layer in self.layers:
            x, f = layer(x, f, h, graph)
        return x

"""One layer of PaiNN, with its norms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._edge_features import Step, distance_and_direction
from eqnorm_adapters._options import ACTIVATIONS, CommonOptions
from eqnorm_adapters._radial import RadialBasis
from eqnorm_adapters._slotted import SlottedLayer, Start, normed, rescaled
from eqnorm_adapters._vectors import length, pack, unpack

_LEAST_SQ = 1e-8  # of the lengths of vector features, as in SchNetPack


@dataclass(frozen=True, kw_only=True)
class PaiNNOptions(CommonOptions):
    """Options of :class:`eqnorm_adapters.painn.PaiNN` that its layers read."""

    scalars: int
    vectors: int
    num_basis: int
    cutoff: float | None


class PaiNNLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.painn.PaiNN` has the formulas."""

    def __init__(self, options: PaiNNOptions, last: bool) -> None:
        S, V = options.scalars, options.vectors
        super().__init__(options, last, f"{S}x0e+{V}x1o", S)
        act = ACTIVATIONS[options.activation]
        self.sizes = [S, V, V]
        self.basis = RadialBasis(options.num_basis, options.cutoff)
        self.filter = nn.Linear(options.num_basis + options.edge_dim, S + 2 * V)
        self.message_mlp = nn.Sequential(nn.Linear(S, S), act(), nn.Linear(S, S + 2 * V))
        self.channel_mix = nn.Linear(V, 2 * V, bias=False)
        self.update_mlp = nn.Sequential(nn.Linear(S + V, S), act(), nn.Linear(S, S + 2 * V))
        # Scalar products are as many as vectors; published are equally many scalars.
        self.products = nn.Identity() if S == V else nn.Linear(V, S, bias=False)
        self.step = Step(S, V, act())

    def forward(self, x: Tensor, features: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, S + 3V)."""
        graph, S = start.graph, self.sizes[0]
        seen = normed(self.feature_norm, features, start, features[:, :S])
        square, direction = distance_and_direction(x, graph, self.basis, self.edge_norm)
        total = self.interact(seen, self._filters(square, start), direction, graph)
        message = rescaled(total, graph, self.message_aggregation)
        features = features + normed(self.message_norm, message, start, features[:, :S])
        features = features + self.mix(features)
        scalars, vectors = unpack(features, S)
        _, collected = unpack(rescaled(total, graph, self.coord_aggregation), S)
        update = self.step(collected, scalars, vectors, start.v)
        x = x + normed(self.update_norm, update, start, scalars)
        return normed(self.norm, x, start, scalars), features

    def interact(
        self, features: Tensor, filters: Tensor, direction: Tensor, graph: Graph
    ) -> Tensor:
        """Messages, summed: (N, S + 3V)."""
        scalars, vectors = unpack(features, self.sizes[0])
        gates = self.message_mlp(scalars).index_select(0, graph.senders) * filters
        to_scalars, along, scaled = gates.split(self.sizes, dim=-1)
        sent = vectors.index_select(0, graph.senders)
        to_vectors = along.unsqueeze(1) * direction.unsqueeze(-1) + scaled.unsqueeze(1) * sent
        return graph.aggregate(pack(to_scalars, to_vectors))

    def mix(self, features: Tensor) -> Tensor:
        """The update of a node from its own features: (N, S + 3V)."""
        scalars, vectors = unpack(features, self.sizes[0])
        first, second = self.channel_mix(vectors).chunk(2, dim=-1)
        seen = length(first, dim=1, least_sq=_LEAST_SQ).squeeze(1)
        gates = self.update_mlp(torch.cat([scalars, seen], dim=-1))
        to_scalars, to_vectors, to_products = gates.split(self.sizes, dim=-1)
        products = self.products(to_products * (first * second).sum(1))
        return pack(to_scalars + products, to_vectors.unsqueeze(1) * second)

    def _filters(self, square: Tensor, start: Start) -> Tensor:
        """Weights of an edge from its length and invariants: (E, S + 2V)."""
        inputs = self.basis(square)
        if start.edge_attr is not None:
            inputs = torch.cat([inputs, start.edge_attr.to(inputs.dtype)], dim=-1)
        filters: Tensor = self.filter(inputs)
        return filters if self.basis.cutoff is None else filters * cosine(square, self.basis.cutoff)


def cosine(square: Tensor, cutoff: float) -> Tensor:
    """Cutoff function (1 + cos(pi r / c)) / 2 of squared distances (E, 1), 0 from c on."""
    t_sq = (square / cutoff**2).clamp(max=1.0)
    # A cosine is a function of the square: this root is never differentiated at 0.
    t = torch.where(t_sq > 0, t_sq, 1.0).sqrt()
    wave = 0.5 * (1 + torch.cos(math.pi * t))
    return torch.where(t_sq > 0, wave, 1.0)

"""Geometric vector perceptrons, and one layer of them with its norms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqnorm import Graph, NormLike, create_slot
from eqnorm_adapters._edge_features import Step, distance_and_direction
from eqnorm_adapters._options import ACTIVATIONS, CommonOptions
from eqnorm_adapters._radial import RadialBasis
from eqnorm_adapters._slotted import SlottedLayer, Start, normed, rescaled
from eqnorm_adapters._vectors import length, pack, unpack

_LEAST_SQ = 1e-8  # of lengths, as in the official code
Features = tuple[Tensor, Tensor]
Sizes = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class GVPOptions(CommonOptions):
    """Options of :class:`eqnorm_adapters.gvp.GVP` that its layers read."""

    scalars: int
    vectors: int
    num_basis: int
    cutoff: float | None
    vector_gate: bool
    residual_norm: NormLike | None


class GeometricVectorPerceptron(nn.Module):
    r"""Scalars and vectors to scalars and vectors.

    With u' = W_h u, lengths \|u'\| and p = W_s [s, \|u'\|] + b, the scalars are act(p) and the
    vectors W_v u' times sigmoid(W_g sigmoid(p) + b_g) with a vector gate, else times
    sigmoid(\|W_v u'\|), or times 1 without an activation.

    Args:
        sizes_in: numbers of scalars and vectors.
        sizes_out: the same of the result.
        activation: of the scalars; None for no activation of scalars and vectors.
        vector_gate: whether scalars gate the vectors, with an activation or without.

    Source: Jing et al. 2021 (arXiv:2009.01411, Alg. 1; the gate: arXiv:2106.03843, Eq. 2).
    """

    def __init__(
        self, sizes_in: Sizes, sizes_out: Sizes, activation: str | None, vector_gate: bool
    ) -> None:
        super().__init__()
        inner = max(sizes_in[1], sizes_out[1])
        self.wh = nn.Linear(sizes_in[1], inner, bias=False)
        self.ws = nn.Linear(inner + sizes_in[0], sizes_out[0])
        self.wv = nn.Linear(inner, sizes_out[1], bias=False)
        self.wsv = nn.Linear(*sizes_out) if vector_gate else None
        self.act = None if activation is None else ACTIVATIONS[activation]()

    def forward(self, scalars: Tensor, vectors: Tensor) -> Features:
        """Map (N, S) and (N, 3, V)."""
        hidden = self.wh(vectors)
        seen = length(hidden, dim=1, least_sq=_LEAST_SQ).squeeze(1)
        scalars = self.ws(torch.cat([scalars, seen], dim=-1))
        vectors = self.wv(hidden)
        if self.wsv is not None:
            gate = self.wsv(scalars if self.act is None else torch.sigmoid(scalars))
            vectors = vectors * torch.sigmoid(gate).unsqueeze(1)
        elif self.act is not None:
            vectors = vectors * torch.sigmoid(length(vectors, dim=1, least_sq=_LEAST_SQ))
        return (scalars if self.act is None else self.act(scalars)), vectors


class Perceptrons(nn.ModuleList):
    """Perceptrons one after the other, the last without activation.

    Args:
        sizes: numbers of scalars and vectors, from the input to the output.
        activation: of all but the last.
        vector_gate: of all.
    """

    def __init__(self, sizes: list[Sizes], activation: str, vector_gate: bool) -> None:
        acts = [activation] * (len(sizes) - 2) + [None]
        super().__init__(
            GeometricVectorPerceptron(a, b, act, vector_gate)
            for a, b, act in zip(sizes[:-1], sizes[1:], acts, strict=True)
        )

    def forward(self, scalars: Tensor, vectors: Tensor) -> Features:
        """Map (N, S) and (N, 3, V)."""
        for perceptron in self:
            scalars, vectors = perceptron(scalars, vectors)
        return scalars, vectors


class GVPLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.gvp.GVP` has the formulas."""

    def __init__(self, options: GVPOptions, last: bool) -> None:
        S, V = options.scalars, options.vectors
        irreps = f"{S}x0e+{V}x1o"
        super().__init__(options, last, irreps, S)
        act, gate = options.activation, options.vector_gate
        self.scalars = S
        self.basis = RadialBasis(options.num_basis, options.cutoff)
        edge = options.num_basis + options.edge_dim
        self.message = Perceptrons([(2 * S + edge, 2 * V + 1), (S, V), (S, V), (S, V)], act, gate)
        self.feed_forward = Perceptrons([(S, V), (4 * S, 2 * V), (S, V)], act, gate)
        self.residual_norms = nn.ModuleList()
        for _ in range(2):
            norm = create_slot(
                options.residual_norm,
                slot="residual_norm",
                on=irreps,
                available=("x0", "v", "h"),
                h_dim=S,
            )
            if norm is not None:
                self.residual_norms.append(norm)
        self.step = Step(S, V, ACTIVATIONS[act]())

    def forward(self, x: Tensor, features: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, S + 3V)."""
        graph, S = start.graph, self.scalars
        seen = normed(self.feature_norm, features, start, features[:, :S])
        square, direction = distance_and_direction(x, graph, self.basis, self.edge_norm)
        edges = self.basis(square)
        if start.edge_attr is not None:
            edges = torch.cat([edges, start.edge_attr.to(edges.dtype)], dim=-1)
        messages = self.messages(seen, edges, direction, graph)
        envelope = self.basis.envelope(square)
        total = graph.aggregate(messages if envelope is None else messages * envelope)
        message = rescaled(total, graph, self.message_aggregation)
        message = normed(self.message_norm, message, start, features[:, :S])
        features = self._residual(features, message, 0, start)
        features = self._residual(
            features, pack(*self.feed_forward(*unpack(features, S))), 1, start
        )
        scalars, vectors = unpack(features, S)
        _, collected = unpack(rescaled(total, graph, self.coord_aggregation), S)
        update = self.step(collected, scalars, vectors, start.v)
        x = x + normed(self.update_norm, update, start, scalars)
        return normed(self.norm, x, start, scalars), features

    def messages(self, features: Tensor, edges: Tensor, direction: Tensor, graph: Graph) -> Tensor:
        """Messages of all edges: (E, S + 3V)."""
        scalars, vectors = unpack(features, self.scalars)
        i, j = graph.receivers, graph.senders
        about = [scalars.index_select(0, j), edges, scalars.index_select(0, i)]
        toward = [vectors.index_select(0, j), direction.unsqueeze(-1), vectors.index_select(0, i)]
        return pack(*self.message(torch.cat(about, dim=-1), torch.cat(toward, dim=-1)))

    def _residual(self, features: Tensor, change: Tensor, which: int, start: Start) -> Tensor:
        features = features + change
        if not self.residual_norms:
            return features
        return normed(self.residual_norms[which], features, start, features[:, : self.scalars])

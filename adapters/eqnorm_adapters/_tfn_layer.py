"""One layer of the tensor field network, with its norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph, NormLike, create_slot
from eqnorm_adapters._convolution import Convolution
from eqnorm_adapters._gate import Gate
from eqnorm_adapters._irreps import IrrepsLinear, Scalars
from eqnorm_adapters._pairs import pairs_of
from eqnorm_adapters._radial import RadialBasis, RadialNetwork

Aggregation = Literal["sum", "mean", "sqrt"]
_GAIN = 1e-3  # of the position update at the start, as in the official EGNN


@dataclass(frozen=True)
class TFNOptions:
    """Options of :class:`eqnorm_adapters.tfn.TFN` that its layers read."""

    irreps: o3.Irreps
    lmax: int
    edge_dim: int
    num_basis: int
    cutoff: float | None
    radial_hidden: int
    message_aggregation: Aggregation
    coord_aggregation: Aggregation
    update_norm: NormLike | None
    edge_norm: NormLike | None
    feature_norm: NormLike | None
    message_norm: NormLike | None

    def __post_init__(self) -> None:
        for name in ("message_aggregation", "coord_aggregation"):
            how = getattr(self, name)
            if how not in ("sum", "mean", "sqrt"):
                raise ValueError(f"{name} must be 'sum', 'mean' or 'sqrt', got {how!r}")


class TFNLayer(nn.Module):
    """One layer; :class:`eqnorm_adapters.tfn.TFN` has the formulas."""

    def __init__(self, options: TFNOptions, norm: NormLike | None) -> None:
        super().__init__()
        irreps = options.irreps
        self.message_aggregation: Aggregation = options.message_aggregation
        self.coord_aggregation: Aggregation = options.coord_aggregation
        basis = RadialBasis(options.num_basis, options.cutoff)
        self.radial = RadialNetwork(basis, options.edge_dim, options.radial_hidden)
        self.convolution = Convolution(irreps, options.lmax, irreps, options.radial_hidden)
        messages = self.convolution.irreps_out
        self.scalars = Scalars(irreps)
        self.gate = Gate(irreps)
        self.interaction = IrrepsLinear(messages + irreps, self.gate.irreps_in)
        self.read_out = IrrepsLinear(messages + irreps, "1x1o")
        with torch.no_grad():
            for weight in self.read_out.parameters():
                weight.mul_(_GAIN)

        def build(slot: str, choice: NormLike | None, on: str, *available: str) -> nn.Module | None:
            h_dim = self.scalars.dim if "h" in available else None
            return create_slot(choice, slot=slot, on=on, available=available, h_dim=h_dim)

        given = ("x0", "v", "h")
        self.norm = build("norm", norm, "points", *given)
        self.update_norm = build("update_norm", options.update_norm, "1x1o", *given)
        self.edge_norm = build("edge_norm", options.edge_norm, "1x1o")
        self.feature_norm = build("feature_norm", options.feature_norm, str(irreps), *given)
        self.message_norm = build("message_norm", options.message_norm, str(messages), *given)

    def forward(
        self, x: Tensor, h: Tensor, graph: Graph, edge_attr: Tensor | None, x0: Tensor, v: Tensor
    ) -> tuple[Tensor, Tensor]:
        """New positions (N, 3) and features (N, irreps.dim)."""
        kept = _normed(self.feature_norm, h, graph, x0, v, self.scalars(h))
        pairs = pairs_of(graph) if edge_attr is None and self.edge_norm is None else None
        relative = graph.relative(x) if pairs is None else pairs.relative(x)
        square = relative.square().sum(-1, keepdim=True)
        direction = self._direction(relative, square, graph)
        total = self.convolution(kept, direction, self.radial(square, edge_attr), graph, pairs)
        messages = _rescaled(total, graph, self.message_aggregation)
        messages = _normed(self.message_norm, messages, graph, x0, v, self.scalars(h))
        h = h + self.gate(self.interaction(torch.cat([messages, kept], dim=-1)))
        for_points = _rescaled(total, graph, self.coord_aggregation)
        update = self.read_out(torch.cat([for_points, h], dim=-1))
        x = x + _normed(self.update_norm, update, graph, x0, v, self.scalars(h))
        return _normed(self.norm, x, graph, x0, v, self.scalars(h)), h

    def _direction(self, relative: Tensor, square: Tensor, graph: Graph) -> Tensor:
        """What the spherical harmonics see, at most of unit length: (E, 3)."""
        if self.edge_norm is None:
            return relative * (square + self.radial.basis.floor_sq).rsqrt()
        normed: Tensor = self.edge_norm(relative, graph.edge_graph())
        return normed * (1 + normed.square().sum(-1, keepdim=True)).rsqrt()


def _normed(
    norm: nn.Module | None, value: Tensor, graph: Graph, x0: Tensor, v: Tensor, h: Tensor
) -> Tensor:
    """Apply a norm if there is one; under autocast its inputs may differ in dtype."""
    if norm is None:
        return value
    kind = value.dtype
    out: Tensor = norm(value, graph, x0=x0.to(kind), v=v.to(kind), h=h.to(kind))
    return out


def _rescaled(total: Tensor, graph: Graph, how: Aggregation) -> Tensor:
    """A sum over the edges that each node receives, divided by their number or its root."""
    if how == "sum":
        return total
    degrees = graph.degrees.clamp(min=1).to(total.dtype).unsqueeze(-1)
    return total / degrees if how == "mean" else total * degrees.rsqrt()

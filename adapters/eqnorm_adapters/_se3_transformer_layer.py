"""One layer of the SE(3)-Transformer, with its norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._edge_features import distance_and_direction
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._irreps import IrrepsLinear, Scalars
from eqnorm_adapters._neighbor_softmax import log_window
from eqnorm_adapters._norm_nonlinearity import NormNonlinearity
from eqnorm_adapters._options import ACTIVATIONS, CommonOptions, at_least_one
from eqnorm_adapters._radial import RadialBasis, RadialNetwork
from eqnorm_adapters._se3_attention import NeighborAttention
from eqnorm_adapters._self_interaction import AttentiveSelfInteraction
from eqnorm_adapters._slotted import SlottedLayer, Start, normed

SelfInteraction = Literal["linear", "attentive", "skip"]
_GAIN = 1e-3  # of the position update at the start, as in the official EGNN


@dataclass(frozen=True, kw_only=True)
class SE3TransformerOptions(CommonOptions):
    """Options of :class:`eqnorm_adapters.se3_transformer.SE3Transformer` that its layers read."""

    irreps: o3.Irreps
    lmax: int
    heads: int
    head_channels: int
    self_interaction: SelfInteraction
    num_basis: int
    cutoff: float | None
    radial_hidden: int

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one("heads", self.heads)
        at_least_one("head_channels", self.head_channels)
        if self.self_interaction not in ("linear", "attentive", "skip"):
            raise ValueError(
                "self_interaction must be 'linear', 'attentive' or 'skip', "
                f"got {self.self_interaction!r}"
            )


class SE3TransformerLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.se3_transformer.SE3Transformer` has the formulas."""

    def __init__(self, options: SE3TransformerOptions, last: bool) -> None:
        irreps, scalars = options.irreps, Scalars(options.irreps)
        attention = NeighborAttention(
            irreps, options.lmax, options.heads, options.head_channels, options.radial_hidden
        )
        messages = attention.irreps_out
        super().__init__(options, last, str(irreps), scalars.dim, str(messages))
        self.scalars, self.attention = scalars, attention
        basis = RadialBasis(options.num_basis, options.cutoff)
        self.radial = RadialNetwork(basis, options.edge_dim, options.radial_hidden)
        self.self_interaction = options.self_interaction
        linear = options.self_interaction == "linear"
        self.project = IrrepsLinear(messages + irreps if linear else messages, irreps)
        if options.self_interaction == "attentive":
            self.attentive = AttentiveSelfInteraction(irreps)
        act = ACTIVATIONS[options.activation]()
        self.nonlinearity = nn.Identity() if last else NormNonlinearity(irreps, act)
        self.read_out = IrrepsLinear(messages + irreps, "1x1o")
        with torch.no_grad():
            for weight in self.read_out.parameters():
                weight.mul_(_GAIN)

    def forward(self, x: Tensor, f: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, irreps.dim)."""
        graph, scalars = start.graph, self.scalars(f)
        seen = normed(self.feature_norm, f, start, scalars)
        basis = self.radial.basis
        square, direction = distance_and_direction(x, graph, basis, self.edge_norm)
        reach = log_window(square, basis.cutoff)
        phi = self.radial(square, start.edge_attr)
        average = self.attention(seen, direction, phi, reach, graph)
        messages = _multiplied(average, reach, graph, self.message_aggregation)
        messages = normed(self.message_norm, messages, start, scalars)
        f = self.nonlinearity(self._interaction(messages, seen, f))
        for_points = _multiplied(average, reach, graph, self.coord_aggregation)
        update = self.read_out(torch.cat([for_points, f], dim=-1)).to(x.dtype)
        scalars = self.scalars(f)
        x = x + normed(self.update_norm, update, start, scalars)
        return normed(self.norm, x, start, scalars), f

    def _interaction(self, messages: Tensor, seen: Tensor, f: Tensor) -> Tensor:
        if self.self_interaction == "linear":
            mixed: Tensor = self.project(torch.cat([messages, seen], dim=-1))
            return mixed
        own = self.attentive(seen) if self.self_interaction == "attentive" else f
        out: Tensor = self.project(messages) + own
        return out


def _multiplied(average: Tensor, reach: Tensor | None, graph: Graph, how: Aggregation) -> Tensor:
    """An average over neighbours as their sum, or as their sum over the root of their number.

    Their number is the sum of their weights exp(reach), which does not jump at the cutoff.
    """
    if how == "mean":
        return average
    if reach is None:
        count = graph.degrees.to(average.dtype).unsqueeze(-1)
    else:
        count = graph.aggregate(reach.exp()).to(average.dtype)
    if how == "sum":
        return average * count
    some = count > 0  # the root of zero has no derivative
    return average * torch.where(some, torch.where(some, count, 1.0).sqrt(), 0.0)

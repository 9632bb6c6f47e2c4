"""One interaction block of NequIP, with its norms and a step of the positions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from e3nn import o3
from torch import Tensor

from eqnorm_adapters._conv.convolution import Convolution
from eqnorm_adapters._edge_features import distance_and_direction
from eqnorm_adapters._gate import Gate
from eqnorm_adapters._irreps import IrrepsLinear, Scalars
from eqnorm_adapters._options import CommonOptions
from eqnorm_adapters._pairs import pairs_of
from eqnorm_adapters._radial import RadialBasis
from eqnorm_adapters._radial_mlp import RadialMLP
from eqnorm_adapters._self_connection import SelfConnection
from eqnorm_adapters._slotted import SlottedLayer, Start, normed, rescaled

_GAIN = 1e-3  # of the position update at the start, as in the official EGNN


@dataclass(frozen=True, kw_only=True)
class NequIPOptions(CommonOptions):
    """Options of :class:`eqnorm_adapters.nequip.NequIP` that its layers read."""

    node_dim: int
    lmax: int
    num_basis: int
    cutoff: float | None
    radial_hidden: int
    radial_layers: int
    avg_num_neighbors: float | None
    energy: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        average = self.avg_num_neighbors
        if average is not None and not (average > 0 and math.isfinite(average)):
            raise ValueError(f"avg_num_neighbors must be positive, or None, got {average}")
        if not self.energy:
            return
        for name in ("norm", "update_norm"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} acts on moving positions, and with energy=True they stay where they "
                    f"are; leave {name} out, or use feature_norm, message_norm or edge_norm"
                )
        if self.cutoff is not None and self.message_aggregation != "sum":
            raise ValueError(
                f"message_aggregation={self.message_aggregation!r} makes the energy jump where a "
                "neighbour crosses the cutoff; use 'sum' with avg_num_neighbors"
            )


class NequIPLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.nequip.NequIP` has the formulas."""

    def __init__(
        self, options: NequIPOptions, irreps_in: o3.Irreps, irreps_out: o3.Irreps, last: bool
    ) -> None:
        scalars_in = Scalars(irreps_in)
        convolution = Convolution(irreps_in, options.lmax, irreps_out, options.radial_hidden)
        messages = convolution.irreps_out
        super().__init__(options, last, str(irreps_in), scalars_in.dim, str(messages))
        self.scalars_in, self.scalars_out = scalars_in, Scalars(irreps_out)
        self.average = options.avg_num_neighbors
        self.linear_in = IrrepsLinear(irreps_in, irreps_in)
        basis = RadialBasis(options.num_basis, options.cutoff)
        self.radial = RadialMLP(
            basis, options.edge_dim, options.radial_hidden, options.radial_layers
        )
        self.convolution = convolution
        self.gate = Gate(irreps_out, "silu")
        self.linear_out = IrrepsLinear(messages, self.gate.irreps_in)
        self.self_connection = SelfConnection(irreps_in, options.node_dim, self.gate.irreps_in)
        self.read_out = None if options.energy else IrrepsLinear(messages + irreps_out, "1x1o")
        if self.read_out is not None:
            with torch.no_grad():
                for weight in self.read_out.parameters():
                    weight.mul_(_GAIN)

    def forward(
        self, x: Tensor, f: Tensor, attributes: Tensor, start: Start
    ) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, irreps_out.dim)."""
        graph, before = start.graph, self.scalars_in(f)
        seen = normed(self.feature_norm, f, start, before)
        plain = start.edge_attr is None and self.edge_norm is None
        pairs = pairs_of(graph) if plain else None
        ends, basis = graph if pairs is None else pairs, self.radial.basis
        square, direction = distance_and_direction(x, ends, basis, self.edge_norm)
        phi = self.radial(square, start.edge_attr)
        total = self.convolution(self.linear_in(seen), direction, phi, graph, pairs)
        if self.average is not None:
            total = total * self.average**-0.5
        messages = rescaled(total, graph, self.message_aggregation)
        messages = normed(self.message_norm, messages, start, before)
        f = self.gate(self.linear_out(messages) + self.self_connection(seen, attributes))
        if self.read_out is None:
            return x, f
        for_points = rescaled(total, graph, self.coord_aggregation)
        update = self.read_out(torch.cat([for_points, f], dim=-1)).to(x.dtype)
        after = self.scalars_out(f)
        x = x + normed(self.update_norm, update, start, after)
        return normed(self.norm, x, start, after), f

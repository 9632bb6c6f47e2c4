"""One layer of the tensor field network, with its norms."""

from __future__ import annotations

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
from eqnorm_adapters._radial import RadialBasis, RadialNetwork
from eqnorm_adapters._slotted import SlottedLayer, Start, normed, rescaled

_GAIN = 1e-3  # of the position update at the start, as in the official EGNN


@dataclass(frozen=True, kw_only=True)
class TFNOptions(CommonOptions):
    """Options of :class:`eqnorm_adapters.tfn.TFN` that its layers read."""

    irreps: o3.Irreps
    lmax: int
    num_basis: int
    cutoff: float | None
    radial_hidden: int


class TFNLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.tfn.TFN` has the formulas."""

    def __init__(self, options: TFNOptions, last: bool) -> None:
        irreps = options.irreps
        scalars = Scalars(irreps)
        basis = RadialBasis(options.num_basis, options.cutoff)
        radial = RadialNetwork(basis, options.edge_dim, options.radial_hidden)
        convolution = Convolution(irreps, options.lmax, irreps, options.radial_hidden)
        messages = convolution.irreps_out
        super().__init__(options, last, str(irreps), scalars.dim, str(messages))
        self.radial, self.convolution, self.scalars = radial, convolution, scalars
        self.gate = Gate(irreps)
        self.interaction = IrrepsLinear(messages + irreps, self.gate.irreps_in)
        self.read_out = IrrepsLinear(messages + irreps, "1x1o")
        with torch.no_grad():
            for weight in self.read_out.parameters():
                weight.mul_(_GAIN)

    def forward(self, x: Tensor, f: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """New positions (N, 3) and features (N, irreps.dim)."""
        graph, before = start.graph, self.scalars(f)
        kept = normed(self.feature_norm, f, start, before)
        plain = start.edge_attr is None and self.edge_norm is None
        pairs = pairs_of(graph) if plain else None
        ends, basis = graph if pairs is None else pairs, self.radial.basis
        square, direction = distance_and_direction(x, ends, basis, self.edge_norm)
        phi = self.radial(square, start.edge_attr)
        total = self.convolution(kept, direction, phi, graph, pairs)
        messages = rescaled(total, graph, self.message_aggregation)
        messages = normed(self.message_norm, messages, start, before)
        f = f + self.gate(self.interaction(torch.cat([messages, kept], dim=-1)))
        for_points = rescaled(total, graph, self.coord_aggregation)
        update = self.read_out(torch.cat([for_points, f], dim=-1))
        after = self.scalars(f)
        x = x + normed(self.update_norm, update, start, after)
        return normed(self.norm, x, start, after), f

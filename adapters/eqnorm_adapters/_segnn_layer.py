"""One layer of SEGNN, with its norms, and the attributes that steer it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._edge_features import distance_and_direction
from eqnorm_adapters._irreps import Scalars
from eqnorm_adapters._options import CommonOptions
from eqnorm_adapters._radial import FLOOR, RadialBasis
from eqnorm_adapters._slotted import SlottedLayer, Start, normed, rescaled
from eqnorm_adapters._steerable_product import GatedProduct, SteerableProduct
from eqnorm_adapters._vectors import soft_direction

_GAIN = 1e-3  # of the position update at the start, as in the official EGNN


@dataclass(frozen=True, kw_only=True)
class SEGNNOptions(CommonOptions):
    """Options of :class:`eqnorm_adapters.segnn.SEGNN` that its layers read."""

    irreps: o3.Irreps
    lmax: int
    num_basis: int
    cutoff: float | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.num_basis, int) or self.num_basis < 0:
            raise ValueError(
                "num_basis must be an integer of at least 0, which is the squared distance itself, "
                f"got {self.num_basis!r}"
            )


class EdgeGeometry(nn.Module):
    """Invariants and attributes of edges and nodes.

    Args:
        options: of the backbone.
    """

    def __init__(self, options: SEGNNOptions) -> None:
        super().__init__()
        self.basis = RadialBasis(max(options.num_basis, 1), options.cutoff)
        self.squared = options.num_basis == 0
        degrees = list(range(options.lmax + 1))
        self.harmonics = o3.SphericalHarmonics(degrees, False, "integral")

    def forward(
        self, x: Tensor, start: Start, edge_norm: nn.Module | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Invariants (E, S), a_ij (E, (lmax+1)^2), a_i (N, (lmax+1)^2), envelope (E, 1) or None."""
        square, direction = distance_and_direction(x, start.graph, self.basis, edge_norm)
        invariants = square if self.squared else self.basis(square)
        if start.edge_attr is not None:
            invariants = torch.cat([invariants, start.edge_attr.to(invariants.dtype)], dim=-1)
        of_edges = self.harmonics(-direction)
        envelope = self.basis.envelope(square)
        of_nodes = self.of_nodes(of_edges, envelope, start.v, start.graph)
        return invariants, of_edges, of_nodes, envelope

    def of_nodes(
        self, of_edges: Tensor, envelope: Tensor | None, v: Tensor, graph: Graph
    ) -> Tensor:
        """Mean over edges plus harmonics of the velocity; the scalar is 1, alone or not.

        With an envelope w the mean is sum_j w_ij a_ij / sqrt(1 + (sum_j w_ij)^2): edges beyond the
        cutoff do not count, and the last neighbour leaves without a jump.
        """
        slow = soft_direction(v, FLOOR**2)
        if envelope is None:
            mean = graph.aggregate(of_edges, "mean")
        else:
            mean = graph.aggregate(of_edges * envelope)
            mean = mean * (1 + graph.aggregate(envelope).square()).rsqrt()
        total = mean + self.harmonics(slow)
        return torch.cat([torch.ones_like(total[:, :1]), total[:, 1:]], dim=-1)


class SEGNNLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.segnn.SEGNN` has the formulas."""

    def __init__(self, options: SEGNNOptions, last: bool) -> None:
        irreps, lmax = options.irreps, options.lmax
        scalars = Scalars(irreps)
        super().__init__(options, last, str(irreps), scalars.dim)
        self.scalars = scalars
        self.geometry = EdgeGeometry(options)
        invariants = o3.Irreps(f"{max(options.num_basis, 1) + options.edge_dim}x0e")
        self.message_1 = GatedProduct(irreps + irreps + invariants, irreps, lmax)
        self.message_2 = GatedProduct(irreps, irreps, lmax)
        self.update_1 = GatedProduct(irreps + irreps, irreps, lmax)
        self.update_2 = SteerableProduct(irreps, irreps, lmax)
        self.step_1 = GatedProduct(irreps + irreps, irreps, lmax)
        self.step_2 = SteerableProduct(irreps, "1x1o", lmax, gain=_GAIN)

    def forward(self, x: Tensor, f: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, irreps.dim)."""
        graph, before = start.graph, self.scalars(f)
        seen = normed(self.feature_norm, f, start, before)
        invariants, of_edges, of_nodes, envelope = self.geometry(x, start, self.edge_norm)
        message = self.messages(seen, invariants, of_edges, graph)
        total = graph.aggregate(message if envelope is None else message * envelope)
        collected = rescaled(total, graph, self.message_aggregation)
        collected = normed(self.message_norm, collected, start, before)
        f = f + self.update(seen, collected, of_nodes)
        for_points = rescaled(total, graph, self.coord_aggregation)
        step = self.step_1(torch.cat([f, for_points], dim=-1), of_nodes)
        step = self.step_2(step, of_nodes).to(x.dtype)
        after = self.scalars(f)
        x = x + normed(self.update_norm, step, start, after)
        return normed(self.norm, x, start, after), f

    def messages(
        self, features: Tensor, invariants: Tensor, of_edges: Tensor, graph: Graph
    ) -> Tensor:
        """m_ij of all edges, shape (E, irreps.dim)."""
        received, sent = (features.index_select(0, k) for k in (graph.receivers, graph.senders))
        message = self.message_1(torch.cat([received, sent, invariants], dim=-1), of_edges)
        out: Tensor = self.message_2(message, of_edges)
        return out

    def update(self, features: Tensor, collected: Tensor, of_nodes: Tensor) -> Tensor:
        """What is added to the features, shape (N, irreps.dim)."""
        update = self.update_1(torch.cat([features, collected], dim=-1), of_nodes)
        out: Tensor = self.update_2(update, of_nodes)
        return out

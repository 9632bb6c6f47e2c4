"""Tensor field network with a position update in each layer."""

from __future__ import annotations

from typing import Literal

import torch
from e3nn import o3
from torch import Tensor, nn

import eqnorm
from eqnorm import Backbone, Graph, ModelOutput, create_slot
from eqnorm.registry import NormLike
from eqnorm_adapters._convolution import Convolution
from eqnorm_adapters._gate import Gate
from eqnorm_adapters._irreps import IrrepsLinear, hidden_irreps, scalars
from eqnorm_adapters._radial import RadialBasis, RadialNetwork

Aggregation = Literal["sum", "mean", "sqrt"]
_GAIN = 1e-3  # of the position update at the start, as that of the official EGNN


class TFNLayer(nn.Module):
    """One layer of :class:`TFN`; see there for the formulas."""

    def __init__(
        self,
        irreps: o3.Irreps,
        lmax: int,
        radial: RadialNetwork,
        message_aggregation: Aggregation,
        coord_aggregation: Aggregation,
        slots: dict[str, NormLike | None],
        norm: NormLike | None,
    ) -> None:
        super().__init__()
        self.irreps = irreps
        self.message_aggregation: Aggregation = message_aggregation
        self.coord_aggregation: Aggregation = coord_aggregation
        self.radial = radial
        self.convolution = Convolution(irreps, lmax, irreps, radial.linear.out_features)
        messages = self.convolution.irreps_out
        self.gate = Gate(irreps)
        self.self_interaction = IrrepsLinear(messages + irreps, self.gate.irreps_in)
        self.read_out = IrrepsLinear(messages + irreps, "1x1o")
        for weight in self.read_out.weights:
            weight.data.mul_(_GAIN)

        def build(slot: str, choice: NormLike | None, on: str, *available: str) -> nn.Module | None:
            h_dim = irreps.count(o3.Irrep("0e")) if "h" in available else None
            return create_slot(choice, slot=slot, on=on, available=available, h_dim=h_dim)

        every = ("x0", "v", "h")
        self.norm = build("norm", norm, "points", *every)
        self.update_norm = build("update_norm", slots["update_norm"], "1o", *every)
        self.edge_norm = build("edge_norm", slots["edge_norm"], "1o")
        self.feature_norm = build("feature_norm", slots["feature_norm"], str(irreps), *every)
        self.message_norm = build("message_norm", slots["message_norm"], str(messages), *every)

    def forward(
        self, x: Tensor, h: Tensor, graph: Graph, edge_attr: Tensor | None, x0: Tensor, v: Tensor
    ) -> tuple[Tensor, Tensor]:
        """New positions (N, 3) and features (N, irreps.dim)."""
        given = {"x0": x0, "v": v, "h": scalars(h, self.irreps)}
        kept = h if self.feature_norm is None else self.feature_norm(h, graph, **given)
        relative = x[graph.receivers] - x[graph.senders]
        square = relative.square().sum(-1, keepdim=True)
        phi = self.radial(square, edge_attr)
        if self.edge_norm is None:
            direction = relative * (square + self.radial.basis.floor_sq).rsqrt()
        else:
            direction = self.edge_norm(relative, graph.edge_graph())
            direction = direction * (1 + direction.square().sum(-1, keepdim=True)).rsqrt()
        total = self.convolution(kept, direction, phi, graph)
        messages = _rescale(total, graph, self.message_aggregation)
        if self.message_norm is not None:
            messages = self.message_norm(messages, graph, **given)
        mixed = self.self_interaction(torch.cat([messages, kept], dim=-1))
        h = h + self.gate(mixed)
        for_points = _rescale(total, graph, self.coord_aggregation)
        update = self.read_out(torch.cat([for_points, h], dim=-1))
        given["h"] = scalars(h, self.irreps)
        if self.update_norm is not None:
            update = self.update_norm(update, graph, **given)
        x = x + update
        if self.norm is not None:
            x = self.norm(x, graph, **given)
        return x, h


@eqnorm.register_model(
    "tfn",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Thomas et al. 2018 (arXiv:1802.08219)",
    aliases=("tensor-field-network",),
)
class TFN(Backbone):
    r"""Tensor field network: tensor-field convolutions over e3nn irreps, and a position update.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("tfn", hidden=4, layers=2, lmax=1)
        >>> out = model(torch.randn(10, 3), eqnorm.Graph.complete(2, 5))
        >>> out.x.shape, out.h.shape
        (torch.Size([10, 3]), torch.Size([10, 16]))
    """

    def __init__(
        self,
        *,
        norm: NormLike | None = None,
        update_norm: NormLike | None = None,
        edge_norm: NormLike | None = None,
        feature_norm: NormLike | None = None,
        message_norm: NormLike | None = None,
        norm_last: bool = False,
        hidden: int | str | o3.Irreps = 16,
        layers: int = 4,
        lmax: int = 2,
        node_dim: int = 1,
        edge_dim: int = 0,
        num_basis: int = 8,
        cutoff: float | None = None,
        radial_hidden: int = 16,
        message_aggregation: Aggregation = "sum",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        if layers < 1:
            raise ValueError(f"layers must be at least 1, got {layers}")
        for name, how in (
            ("message_aggregation", message_aggregation),
            ("coord_aggregation", coord_aggregation),
        ):
            if how not in ("sum", "mean", "sqrt"):
                raise ValueError(f"{name} must be 'sum', 'mean' or 'sqrt', got {how!r}")
        self.irreps = hidden_irreps(hidden, lmax)
        slots = {
            "update_norm": update_norm,
            "edge_norm": edge_norm,
            "feature_norm": feature_norm,
            "message_norm": message_norm,
        }
        self.embedding = IrrepsLinear(f"{node_dim}x0e+1x1o", self.irreps)
        self.layers = nn.ModuleList(
            TFNLayer(
                self.irreps,
                lmax,
                RadialNetwork(RadialBasis(num_basis, cutoff), edge_dim, radial_hidden),
                message_aggregation,
                coord_aggregation,
                slots,
                norm if norm_last or index < layers - 1 else None,
            )
            for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        x0, v = x, torch.zeros_like(x) if v is None else v
        features = self.embedding(torch.cat([h, v], dim=-1))
        for layer in self.layers:
            x, features = layer(x, features, graph, edge_attr, x0, v)
        return ModelOutput(x, features, v)


def _rescale(total: Tensor, graph: Graph, how: Aggregation) -> Tensor:
    """A sum over the edges that each node receives, divided by their number or its root."""
    if how == "sum":
        return total
    degrees = graph.degrees.clamp(min=1).to(total.dtype).unsqueeze(-1)
    return total / degrees if how == "mean" else total * degrees.rsqrt()

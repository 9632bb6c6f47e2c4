"""One layer of an EGNN: messages, coordinate update, node update, with a slot for each norm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqnorm import Graph, NormLike, create_slot
from eqnorm_adapters import _egnn_path
from eqnorm_adapters._egnn_edges import Aggregation, affine, scaled, weighted_sum
from eqnorm_adapters._egnn_ops import edge_sums
from eqnorm_adapters._egnn_rows import two_layers

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}
_GAIN = 1e-3  # of the last coordinate weights at the start, as in the official code


@dataclass(frozen=True)
class EGNNOptions:
    """What `egnn` and `egnn_vel` have in common; see :class:`eqnorm_adapters.egnn.EGNN`."""

    norm: NormLike | None
    update_norm: NormLike | None
    edge_norm: NormLike | None
    feature_norm: NormLike | None
    message_norm: NormLike | None
    norm_last: bool
    hidden: int
    layers: int
    node_dim: int
    edge_dim: int
    message_aggregation: Aggregation
    coord_aggregation: Aggregation
    center: bool
    attention: bool
    tanh: bool
    residual: bool
    activation: str
    coords_weight: float
    products: str

    def __post_init__(self) -> None:
        for name in ("hidden", "layers"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
        for name in ("message_aggregation", "coord_aggregation"):
            how = getattr(self, name)
            if how not in ("sum", "mean", "sqrt"):
                raise ValueError(f"{name} must be 'sum', 'mean' or 'sqrt', got {how!r}")
        if self.products not in ("float32", "bfloat16"):
            raise ValueError(f"products must be 'float32' or 'bfloat16', got {self.products!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(sorted(ACTIVATIONS))}, "
                f"got {self.activation!r}"
            )


class EGNNLayer(nn.Module):
    """One layer; the formulas are at :class:`eqnorm_adapters.egnn.EGNN`.

    Args:
        options: of the backbone.
        velocities: whether there is an MLP phi_v on velocities.
        velocity_update: whether the velocity follows Eq. 7 of Satorras et al.
        last: whether it is the last layer.
    """

    def __init__(
        self, options: EGNNOptions, velocities: bool, velocity_update: bool, last: bool
    ) -> None:
        super().__init__()
        width, act = options.hidden, ACTIVATIONS[options.activation]
        self.width = width
        self.residual = options.residual
        self.coords_weight = options.coords_weight
        self.products = options.products
        self.message_aggregation: Aggregation = options.message_aggregation
        self.coord_aggregation: Aggregation = options.coord_aggregation
        self.velocity_update = velocity_update
        self.edge_mlp = nn.Sequential(
            nn.Linear(2 * width + 1 + options.edge_dim, width),
            act(),
            nn.Linear(width, width),
            act(),
        )
        self.node_mlp = nn.Sequential(nn.Linear(2 * width, width), act(), nn.Linear(width, width))
        final = nn.Linear(width, 1, bias=False)
        nn.init.xavier_uniform_(final.weight, gain=_GAIN)
        bound = [nn.Tanh()] if options.tanh else []
        self.coord_mlp = nn.Sequential(nn.Linear(width, width), act(), final, *bound)
        self.att_mlp = (
            nn.Sequential(nn.Linear(width, 1), nn.Sigmoid()) if options.attention else None
        )
        self.coord_mlp_vel = (
            nn.Sequential(nn.Linear(width, width), act(), nn.Linear(width, 1))
            if velocities
            else None
        )

        def build(slot: str, choice: NormLike | None, on: str, *available: str) -> nn.Module | None:
            h_dim = width if "h" in available else None
            return create_slot(choice, slot=slot, on=on, available=available, h_dim=h_dim)

        given = ("x0", "v", "h") if velocities else ("x0", "h")
        norm = options.norm if options.norm_last or not last else None
        features = f"{width}x0e"
        self.norm = build("norm", norm, "points", *given)
        self.update_norm = build("update_norm", options.update_norm, "1o", *given)
        self.edge_norm = build("edge_norm", options.edge_norm, "1o")
        self.feature_norm = build("feature_norm", options.feature_norm, features, *given)
        self.message_norm = build("message_norm", options.message_norm, features, *given)

    def forward(
        self,
        x: Tensor,
        h: Tensor,
        graph: Graph,
        edge_attr: Tensor | None,
        velocity: Tensor | None,
        x0: Tensor,
        v0: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """New points (N, 3), features (N, hidden) and velocities (N, 3)."""
        h = _normed(self.feature_norm, h, graph, x0, v0, h)
        total, moves, compiled = self._edges(x, h, graph, edge_attr)
        update = self.coords_weight * moves
        if self.coord_mlp_vel is not None and velocity is not None:
            factor = two_layers(self.coord_mlp_vel, h, None, False, compiled)
            update = torch.addcmul(update, factor.to(velocity.dtype), velocity)
        update = _normed(self.update_norm, update, graph, x0, v0, h)
        x = x + update
        if self.velocity_update:
            velocity = update
        total = _normed(self.message_norm, total, graph, x0, v0, h)
        h = two_layers(self.node_mlp, h, total, self.residual, compiled)
        return _normed(self.norm, x, graph, x0, v0, h), h, velocity

    def _edges(
        self, x: Tensor, h: Tensor, graph: Graph, edge_attr: Tensor | None
    ) -> tuple[Tensor, Tensor, bool]:
        """Aggregated messages (N, hidden) and vectors (N, 3); whether compiled code made them."""
        compiled = _egnn_path.problem(self, h, x, graph, edge_attr)
        if compiled is not None:
            total, moves = edge_sums(*compiled)
            total = scaled(total, graph, self.message_aggregation)
            return total, scaled(moves, graph, self.coord_aggregation), True
        relative = graph.relative(x)
        messages = self._messages(h, relative, graph, edge_attr)
        if self.edge_norm is not None:
            relative = self.edge_norm(relative, graph.edge_graph())
        moves = weighted_sum(self.coord_mlp(messages), relative, graph, self.coord_aggregation)
        return graph.aggregate(messages, self.message_aggregation), moves, False

    def _messages(
        self, h: Tensor, relative: Tensor, graph: Graph, edge_attr: Tensor | None
    ) -> Tensor:
        """m_ij, shape (E, hidden), with the first product of phi_e split to the nodes."""
        first, *rest = self.edge_mlp
        assert isinstance(first, nn.Linear)
        width = self.width
        scalars = relative.square().sum(-1, keepdim=True)
        if edge_attr is not None:
            scalars = torch.cat([scalars, edge_attr], dim=-1)
        at_receiver, at_sender, at_edge = torch.split(
            first.weight, [width, width, scalars.shape[1]], dim=1
        )
        receive, send = F.linear(h, at_receiver, first.bias), F.linear(h, at_sender)
        messages = affine(receive, send, scalars, at_edge, graph)
        for module in rest:
            messages = module(messages)
        return messages if self.att_mlp is None else messages * self.att_mlp(messages)


def _normed(
    norm: nn.Module | None, value: Tensor, graph: Graph, x0: Tensor, v: Tensor | None, h: Tensor
) -> Tensor:
    """The norm of a slot applied, if there is one, with its inputs in the precision of `value`."""
    if norm is None:
        return value
    kind = value.dtype
    out: Tensor = norm(
        value, graph, x0=x0.to(kind), v=None if v is None else v.to(kind), h=h.to(kind)
    )
    return out

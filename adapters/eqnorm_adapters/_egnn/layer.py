"""One layer of an EGNN: messages, coordinate update, node update, with a slot for each norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm import Graph, NormLike, create_slot
from eqnorm_adapters._egnn.compiled import path
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.operations import edge_sums
from eqnorm_adapters._egnn.compiled.rows import two_layers
from eqnorm_adapters._egnn.compiled.whole import layer_in_one
from eqnorm_adapters._egnn.edges import Aggregation, on_edges, scaled, weighted_sum
from eqnorm_adapters._egnn.in_torch.path import layer_in_torch
from eqnorm_adapters._egnn.options import EGNNOptions
from eqnorm_adapters._hooked import hooked
from eqnorm_adapters._options import ACTIVATIONS

_GAIN = 1e-3  # of the last coordinate weights at the start, as in the official code


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

    @property
    def coords_weight(self) -> float:
        """Factor of the sum in the coordinate update.

        Kept as text: of a number torch.compile makes a symbol, and compiles again for another.
        Models that were pickled when this was a number have that in the same place.
        """
        return float(self.__dict__["coords_weight"])

    @coords_weight.setter
    def coords_weight(self, weight: float) -> None:
        self.__dict__["coords_weight"] = repr(float(weight))

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
        compiled = path.problem(self, h, x, graph, edge_attr)
        if compiled is None:
            whole = layer_in_torch(self, x, h, graph, edge_attr, velocity)
        else:
            whole = layer_in_one(self, *compiled, velocity, graph)
        if whole is not None:
            update, total, done = whole
        else:
            update, total = self._sums(x, h, graph, edge_attr, velocity, compiled)
            done = False
        update = _normed(self.update_norm, update, graph, x0, v0, h)
        x = x + update
        if self.velocity_update:
            velocity = update
        if done:
            h = total
        else:
            total = _normed(self.message_norm, total, graph, x0, v0, h)
            h = two_layers(self.node_mlp, h, total, self.residual, compiled is not None)
        return _normed(self.norm, x, graph, x0, v0, h), h, velocity

    def _sums(
        self,
        x: Tensor,
        h: Tensor,
        graph: Graph,
        edge_attr: Tensor | None,
        velocity: Tensor | None,
        compiled: tuple[EdgeInputs, Edges] | None,
    ) -> tuple[Tensor, Tensor]:
        """Displacement (N, 3) and aggregated messages (N, hidden)."""
        if compiled is None:
            total, moves = self._edges(x, h, graph, edge_attr)
        else:
            total, moves = edge_sums(*compiled)
            total = scaled(total, graph, self.message_aggregation)
            moves = scaled(moves, graph, self.coord_aggregation)
        update = self.coords_weight * moves
        if self.coord_mlp_vel is None or velocity is None:
            return update, total
        factor = two_layers(self.coord_mlp_vel, h, None, False, compiled is not None)
        return torch.addcmul(update, factor.to(velocity.dtype), velocity), total

    def _edges(
        self, x: Tensor, h: Tensor, graph: Graph, edge_attr: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Aggregated messages (N, hidden) and relative vectors (N, 3), by torch."""
        relative = graph.relative(x)
        total, weights = self._messages(h, relative, graph, edge_attr)
        if self.edge_norm is not None:
            relative = self.edge_norm(relative, graph.edge_graph())
        return total, weighted_sum(weights, relative, graph, self.coord_aggregation)

    def _messages(
        self, h: Tensor, relative: Tensor, graph: Graph, edge_attr: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Aggregated m_ij (N, hidden), and weights (E, 1)."""
        scalars = relative.square().sum(-1, keepdim=True)
        if edge_attr is not None:
            scalars = torch.cat([scalars, edge_attr], dim=-1)
        messages = on_edges(self.edge_mlp, h, scalars, graph)
        if self.att_mlp is not None:
            messages = messages * self.att_mlp(messages)
        weights = self.coord_mlp(messages)
        return graph.aggregate(messages, self.message_aggregation), weights


def stands_alone(layer: nn.Module) -> bool:
    """Whether points and features alone go from layer to layer, with norms of them at most.

    Not where someone has put something in its place, or looks at it.
    """
    if type(layer) is not EGNNLayer or hooked(layer) or layer.velocity_update:
        return False
    return layer.edge_norm is None and layer.message_norm is None


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

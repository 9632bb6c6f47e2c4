"""Local frames of edges, and one layer of ClofNet with its norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm import Graph, NormLike, create_slot
from eqnorm_adapters._egnn.edges import on_edges
from eqnorm_adapters._options import ACTIVATIONS, CommonOptions
from eqnorm_adapters._slotted import SlottedLayer, Start, normed
from eqnorm_adapters._vectors import length, wide

_GAIN = 1e-3  # of the last coordinate weights at the start, as in the official code
_IN_LINE = 1e-3  # sine of the angle below which three points count as in line
_LEAST_SQ = 1e-12  # of lengths, in squared units


def frames(relative: Tensor, axis: Tensor, central: Tensor, graph: Graph) -> Tensor:
    r"""Three vectors for every edge, which turn with the system: (E, 3, 3), one vector a row.

    a = axis, b = g c / (1 + \|c\|) with c = x_i x x_j, and a x b. They are orthogonal but not of
    unit length. b does not change its sign in a reflection, as vectors do. Where x_i, x_j and the
    centre are in line, as in every graph of two nodes, no direction across is equivariant: c is
    zero, but for rounding, which large coefficients would make visible. g = q^2 / (q^2 + 1e-12),
    with q the squared sine of the angle between x_i - x_j and x_i, is 1 - 1e-12 / q^2 elsewhere
    and there removes it.

    Args:
        relative: x_i - x_j, shape (E, 3).
        axis: a, shape (E, 3).
        central: x_i from the graph's centre, shape (N, 3).
        graph: its edges.
    """
    # In half precision products of four lengths underflow and overflow.
    kind, relative, axis = axis.dtype, wide(relative), wide(axis)
    # x_i x x_j = (x_i - x_j) x x_i, with fewer digits lost where the two are close.
    at = wide(central).index_select(0, graph.receivers)
    cross = torch.linalg.cross(relative, at)
    rectangle = _square(relative) * _square(at)
    q = _square(cross) / (rectangle + _LEAST_SQ**2)
    across = cross / (1 + length(cross)) * (q.square() / (q.square() + _IN_LINE**4))
    return torch.stack([axis, across, torch.linalg.cross(axis, across)], dim=1).to(kind)


def _square(vectors: Tensor) -> Tensor:
    return vectors.square().sum(-1, keepdim=True)


def soft_unit(relative: Tensor) -> Tensor:
    r"""The vectors d / (1 + \|d\|), shape (E, 3)."""
    return relative / (1 + length(relative))


class ClofNetLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.clofnet.ClofNet` has the formulas.

    Args:
        options: of the backbone.
        last: whether it is the last layer.
        width: number of features.
        edge_width: number of invariants of an edge, made from the initial frames.
        tanh: whether the components of the update are bounded.
        residual_norm: of the features, after the skip connection.
    """

    def __init__(
        self,
        options: CommonOptions,
        last: bool,
        width: int,
        edge_width: int,
        tanh: bool,
        residual_norm: NormLike | None,
    ) -> None:
        super().__init__(options, last, f"{width}x0e", width)
        act = ACTIVATIONS[options.activation]
        self.width = width
        self.edge_mlp = nn.Sequential(
            nn.Linear(2 * width + 1 + edge_width, width),
            act(),
            nn.Linear(width, width),
            act(),
            nn.Linear(width, width),
            act(),
        )
        self.node_mlp = nn.Sequential(nn.Linear(2 * width, width), act(), nn.Linear(width, width))
        final = nn.Linear(width, 3, bias=False)
        nn.init.xavier_uniform_(final.weight, gain=_GAIN)
        bound = [nn.Tanh()] if tanh else []
        self.coord_mlp = nn.Sequential(nn.Linear(width, width), act(), final, *bound)
        self.coord_mlp_vel = nn.Sequential(nn.Linear(width, width), act(), nn.Linear(width, 1))
        self.residual_norm = create_slot(
            residual_norm,
            slot="residual_norm",
            on=f"{width}x0e",
            available=("x0", "v", "h"),
            h_dim=width,
        )

    def forward(
        self, x: Tensor, h: Tensor, origin: Tensor, edges: Tensor, start: Start
    ) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, width).

        Args:
            x: points, shape (N, 3).
            h: features, shape (N, width).
            origin: initial centre of each node's graph, shape (N, 3).
            edges: invariants, shape (E, edge_width).
            start: what stays the same.
        """
        graph, v = start.graph, start.v
        h = normed(self.feature_norm, h, start, h)
        relative = graph.relative(x)
        messages = self._messages(h, relative, edges, graph)
        if self.edge_norm is None:
            axis = soft_unit(relative)
        else:
            axis = self.edge_norm(relative, graph.edge_graph())
        frame = frames(relative, axis, x - origin, graph)
        components = self.coord_mlp(messages).to(frame.dtype)
        steps = (components.unsqueeze(-1) * frame).sum(1)
        update = graph.aggregate(steps, self.coord_aggregation)
        update = update + self.coord_mlp_vel(h).to(v.dtype) * v
        x = x + normed(self.update_norm, update, start, h)
        total = graph.aggregate(messages, self.message_aggregation)
        total = normed(self.message_norm, total, start, h)
        new = h + self.node_mlp(torch.cat([h, total], dim=-1))
        if self.residual_norm is not None:
            # The official code adds h in the node update, and once more after it.
            new = normed(self.residual_norm, new + h, start, h)
        return normed(self.norm, x, start, new), new

    def _messages(self, h: Tensor, relative: Tensor, edges: Tensor, graph: Graph) -> Tensor:
        """m_ij, shape (E, width)."""
        scalars = torch.cat([_square(relative), edges], dim=-1)
        return on_edges(self.edge_mlp, h, scalars, graph)

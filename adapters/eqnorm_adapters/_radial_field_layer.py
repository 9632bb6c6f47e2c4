"""One layer of the radial field, with its norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqnorm_adapters._egnn.edges import affine, weighted_sum
from eqnorm_adapters._options import ACTIVATIONS, CommonOptions
from eqnorm_adapters._slotted import SlottedLayer, Start, normed
from eqnorm_adapters._vectors import length

_GAIN = 1e-3  # of the last weights of phi at the start, as in the official code


class RadialFieldLayer(SlottedLayer):
    """One layer; :class:`eqnorm_adapters.radial_field.RadialField` has the formulas.

    Args:
        options: of the backbone.
        last: whether it is the last layer.
        width: of the hidden layers of phi, and number of features.
        tanh: whether phi is bounded.
    """

    def __init__(self, options: CommonOptions, last: bool, width: int, tanh: bool) -> None:
        super().__init__(options, last, f"{width}x0e", width)
        act = ACTIVATIONS[options.activation]
        self.width = width
        self.of_edge = nn.Linear(1 + options.edge_dim, width)
        self.of_nodes = nn.Linear(width, 2 * width, bias=False)
        self.act = act()
        final = nn.Linear(width, 1, bias=False)
        nn.init.xavier_uniform_(final.weight, gain=_GAIN)
        self.weight = nn.Sequential(final, nn.Tanh()) if tanh else nn.Sequential(final)
        self.of_speed = nn.Sequential(nn.Linear(1, width), act(), nn.Linear(width, 1))
        self.collect = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, h: Tensor, seen: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """New points (N, 3) and features (N, width); ``seen`` are the features that phi sees."""
        graph, v = start.graph, start.v
        relative = graph.relative(x)
        active = self._active(relative, normed(self.feature_norm, seen, start, h), start)
        if self.edge_norm is not None:
            relative = self.edge_norm(relative, graph.edge_graph())
        update = weighted_sum(self.weight(active), relative, graph, self.coord_aggregation)
        update = update + self.of_speed(length(v)).to(v.dtype) * v
        x = x + normed(self.update_norm, update, start, h)
        total = graph.aggregate(active, self.message_aggregation)
        h = h + self.collect(normed(self.message_norm, total, start, h))
        return normed(self.norm, x, start, h), h

    def _active(self, relative: Tensor, seen: Tensor, start: Start) -> Tensor:
        """The hidden layer of phi on every edge: (E, width)."""
        scalars = length(relative)
        if start.edge_attr is not None:
            scalars = torch.cat([scalars, start.edge_attr], dim=-1)
        at_receiver, at_sender = torch.split(self.of_nodes.weight, self.width)
        receive = F.linear(seen, at_receiver, self.of_edge.bias)
        send = F.linear(seen, at_sender)
        active: Tensor = self.act(affine(receive, send, scalars, self.of_edge.weight, start.graph))
        return active

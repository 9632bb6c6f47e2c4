"""Radial field: every pair pulls or pushes along its connecting line."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._options import CommonOptions, at_least_one
from eqnorm_adapters._radial_field_layer import RadialFieldLayer
from eqnorm_adapters._slotted import Start


@register_model(
    "radial_field",
    equivariant_to="E3",
    velocities=True,
    source="Köhler et al. 2020 (arXiv:2006.02425); Satorras et al. 2021 (arXiv:2102.09844), Tab. 1",
    aliases=("rf", "rf_vel"),
)
class RadialField(Backbone):
    r"""Radial field: every pair pulls or pushes along its connecting line.

    Each layer computes, with i receiving and j sending, d_ij = x_i - x_j and r_ij = \|d_ij\|,

        a_ij = act(W [r_ij, e_ij] + b + U n_i + V n_j)     hidden layer of phi, (E, hidden)
        x_i <- x_i + agg_j d_ij tanh(w . a_ij) + v_i phi_v(\|v_i\|)
        h_i <- h_i + Z agg_j a_ij                          features to read out, (N, hidden)

    for points x (N, 3), velocities v (N, 3) and edge invariants e (E, edge_dim). n is a linear
    map of the input features h, so that charges, say, may change the sign of a force.

    Equivariant to E(3): differences and velocities are multiplied by invariants.

    Slots: ``feature_norm`` acts on n before each layer, ``message_norm`` on agg_j a_ij,
    ``edge_norm`` on the d_ij that are summed (r is the true length), ``update_norm`` on what is
    added to x, ``norm`` on x after each layer. A field of two-body forces has no messages: the
    collected a_ij reach the features that are read out, and norms with an input h, but not x.
    With ``message_passing=True`` they do reach x, in the layers that follow.

    Source: Köhler et al. 2020 (arXiv:2006.02425, Sec. 5), in the form, with velocities and tanh,
    of Satorras et al. 2021 (arXiv:2102.09844, Tab. 1 and their code). Departures: node features;
    with h=None, or U = V = 0, x is as published. r is sqrt(r^2 + 1e-12), to have a gradient where
    two nodes coincide.

    Args:
        norm: norms in the slots, by name or otherwise; see :func:`eqnorm.create_norm`.
        update_norm: as above.
        edge_norm: as above.
        feature_norm: as above.
        message_norm: as above.
        norm_last: apply ``norm`` after the last layer too.
        hidden: width of phi, and number of features.
        layers: number of layers.
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        message_aggregation: how a_ij is collected: "sum", "mean" or "sqrt".
        coord_aggregation: the same for the forces.
        center: see :class:`eqnorm.Backbone`.
        activation: of phi and phi_v.
        tanh: bound phi, "to keep this method stable", as the code of Satorras et al. has it.
        message_passing: n is, from the second layer on, the h of the layer before.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("radial_field", norm="geonorm", hidden=16, layers=2)
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
        hidden: int = 64,
        layers: int = 4,
        node_dim: int = 1,
        edge_dim: int = 0,
        message_aggregation: Aggregation = "sum",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
        activation: str = "silu",
        tanh: bool = True,
        message_passing: bool = False,
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        at_least_one("hidden", hidden)
        options = CommonOptions(
            norm=norm,
            update_norm=update_norm,
            edge_norm=edge_norm,
            feature_norm=feature_norm,
            message_norm=message_norm,
            norm_last=norm_last,
            layers=layers,
            edge_dim=edge_dim,
            message_aggregation=message_aggregation,
            coord_aggregation=coord_aggregation,
            activation=activation,
        )
        self.message_passing = message_passing
        self.embedding = nn.Linear(node_dim, hidden)
        self.layers = nn.ModuleList(
            RadialFieldLayer(options, index == layers - 1, hidden, tanh) for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        seen = h = self.embedding(h)
        for layer in self.layers:
            x, h = layer(x, h, seen, start)
            seen = h if self.message_passing else seen
        return ModelOutput(x, h, v)

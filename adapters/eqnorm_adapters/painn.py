"""PaiNN: the polarizable atom interaction network, with a position update in each layer."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._painn_layer import PaiNNLayer, PaiNNOptions
from eqnorm_adapters._slotted import Start
from eqnorm_adapters._vectors import pack, scalars_and_vectors


@register_model(
    "painn",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Schütt et al. 2021 (arXiv:2102.03150)",
)
class PaiNN(Backbone):
    r"""PaiNN: the polarizable atom interaction network, with a position update in each layer.

    Features are S scalars s (N, S) and V vectors u (N, 3, V), together Sx0e+Vx1o in e3nn's
    order. Each layer computes, with i receiving and j sending, d_ij = x_i - x_j, r_ij its length,

        W_ij = (linear map of basis(r_ij), e_ij) f_cut(r_ij)
        a, b, c = phi(s_j) * W_ij                        a (E, S), b and c (E, V)
        Δs_i = agg_j a,  Δu_i = agg_j (b d_ij / r_ij + c u_j)
        s_i <- s_i + Δs_i,  u_i <- u_i + Δu_i             message
        a, b, c = phi'(s_i, \|P u_i\|)
        s_i <- s_i + a + c <P u_i, Q u_i>,  u_i <- u_i + b Q u_i          update
        x_i <- x_i + w . Δu_i + w' . u_i + phi''(s_i) v_i          step

    for points x (N, 3), velocities v (N, 3) and edge invariants e (E, edge_dim). At the start s
    is a linear map of the invariants h and log(1 + \|v\|^2) / 2, and u one of
    v / sqrt(1 + \|v\|^2): bounded, for features grow with the third power of u in every layer.

    Equivariant to E(3): vectors are added up, and multiplied by invariants.

    Slots: ``feature_norm`` acts on the features that messages see, before each layer,
    ``message_norm`` on (Δs, Δu), ``update_norm`` on the step, ``norm`` on x after each layer.
    ``edge_norm`` n acts on d and takes the place of the division by r:
    d / r becomes n(d) / sqrt(1 + \|n(d)\|^2); r is the true length.

    Source: Schütt et al. 2021 (arXiv:2102.03150, Eqs. 7-10). Departures: the step, which
    starts small as in EGNN, with the Δu of ``coord_aggregation``; velocities and edge
    invariants; numbers of scalars and vectors may differ, and scalar products then pass a
    linear map; without a cutoff, Gaussians of log r in place of the Bessel functions; directions
    are d / sqrt(r^2 + δ^2), with δ 1e-3 of the unit of length, or of the cutoff.

    Args:
        norm: norms in the slots, by name or otherwise; see :func:`eqnorm.create_norm`.
        update_norm: as above.
        edge_norm: as above.
        feature_norm: as above.
        message_norm: as above.
        norm_last: apply ``norm`` after the last layer too.
        hidden: number of scalars and of vectors; or irreps such as "64x0e+16x1o".
        layers: number of layers.
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        message_aggregation: how messages are collected for the features: "sum", "mean" or "sqrt".
        coord_aggregation: the same for x.
        center: see :class:`eqnorm.Backbone`.
        activation: of all networks.
        num_basis: number of radial basis functions.
        cutoff: distance at which messages have faded out, or None.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("painn", hidden=8, layers=2, feature_norm="rmsnorm")
        >>> out = model(torch.randn(10, 3), eqnorm.Graph.complete(2, 5))
        >>> out.x.shape, out.h.shape
        (torch.Size([10, 3]), torch.Size([10, 32]))
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
        hidden: int | str | o3.Irreps = 64,
        layers: int = 4,
        node_dim: int = 1,
        edge_dim: int = 0,
        message_aggregation: Aggregation = "sum",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
        activation: str = "silu",
        num_basis: int = 20,
        cutoff: float | None = None,
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        S, V = scalars_and_vectors(hidden)
        options = PaiNNOptions(
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
            scalars=S,
            vectors=V,
            num_basis=num_basis,
            cutoff=cutoff,
        )
        self.irreps = o3.Irreps(f"{S}x0e+{V}x1o")
        self.embedding = nn.Linear(node_dim + 1, S)
        self.of_velocity = nn.Linear(1, V, bias=False)
        self.layers = nn.ModuleList(
            PaiNNLayer(options, index == layers - 1) for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        square = start.v.square().sum(-1, keepdim=True)
        scalars = self.embedding(torch.cat([h, 0.5 * torch.log1p(square)], dim=-1))
        slow = start.v * (1 + square).rsqrt()
        features = pack(scalars, self.of_velocity(slow.unsqueeze(-1)))
        for layer in self.layers:
            x, features = layer(x, features, start)
        return ModelOutput(x, features, v)

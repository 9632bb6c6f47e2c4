"""GVP-GNN: geometric vector perceptrons, with a position update in each layer."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._gvp_layer import GeometricVectorPerceptron, GVPLayer, GVPOptions
from eqnorm_adapters._slotted import Start
from eqnorm_adapters._vectors import pack, scalars_and_vectors


@register_model(
    "gvp",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Jing et al. 2021 (arXiv:2009.01411; arXiv:2106.03843)",
    aliases=("gvp_gnn", "geometric-vector-perceptron"),
)
class GVP(Backbone):
    r"""GVP-GNN: geometric vector perceptrons, with a position update in each layer.

    Features f are S scalars s and V vectors u, together Sx0e+Vx1o in e3nn's order. A perceptron
    (GVP) is linear in scalars and lengths of vectors for the scalars, and linear in vectors, times
    gates, for the vectors. Each layer computes, with i receiving, j sending, d_ij = x_i - x_j and
    r_ij its length,

        m_ij = GVP^3(s_j, basis(r_ij), e_ij, s_i; u_j, d_ij / r_ij, u_i)
        f_i <- norm(f_i + agg_j m_ij)
        f_i <- norm(f_i + GVP^2(f_i))
        x_i <- x_i + w . (vectors of agg_j m_ij) + w' . u_i + phi(s_i) v_i

    for points x (N, 3), velocities v (N, 3) and edge invariants e (E, edge_dim). At the start f
    is a GVP of the invariants h and v.

    Equivariant to E(3): vectors are mixed linearly, and multiplied by functions of scalars and
    lengths.

    Slots: ``feature_norm`` acts on the f that messages see, before each layer, ``message_norm``
    on agg_j m_ij, ``update_norm`` on what is added to x, ``norm`` on x after each layer.
    ``edge_norm`` n acts on d and takes the place of the division by r:
    d / r becomes n(d) / sqrt(1 + \|n(d)\|^2); r is the true length. The norms in the formula are
    the published layer's own: ``residual_norm``.

    Source: Jing et al. 2021 (arXiv:2009.01411, Secs. 3.1-3.2; gates: arXiv:2106.03843, Eq. 2).
    Departures: the update of x, which starts small as in EGNN, with the sum of
    ``coord_aggregation``; velocities; silu in place of relu, for derivatives without jumps; no
    dropout; edges enter the messages without an embedding; the radial basis, and an envelope
    where there is a cutoff; lengths are sqrt(\|u\|^2 + 1e-8) where the code clamps, directions
    d / sqrt(r^2 + δ^2), with δ 1e-3 of the unit of length, or of the cutoff.

    Args:
        norm: norms in the slots, by name or otherwise; see :func:`eqnorm.create_norm`.
        update_norm: as above.
        edge_norm: as above.
        feature_norm: as above.
        message_norm: as above.
        norm_last: apply ``norm`` after the last layer too.
        hidden: number of scalars and of vectors; or irreps, published are "100x0e+16x1o".
        layers: number of layers.
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        message_aggregation: how messages are collected for the features: "mean", as published,
            "sum" or "sqrt".
        coord_aggregation: the same for x.
        center: see :class:`eqnorm.Backbone`.
        activation: of scalars; published is "relu".
        num_basis: number of radial basis functions.
        cutoff: distance at which messages have faded out, or None.
        vector_gate: gate vectors by scalars (arXiv:2106.03843); else by their own lengths.
        residual_norm: the norms in the formula, or None.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("gvp", hidden="16x0e+4x1o", layers=2)
        >>> out = model(torch.randn(10, 3), eqnorm.Graph.complete(2, 5))
        >>> out.x.shape, out.h.shape
        (torch.Size([10, 3]), torch.Size([10, 28]))
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
        message_aggregation: Aggregation = "mean",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
        activation: str = "silu",
        num_basis: int = 16,
        cutoff: float | None = None,
        vector_gate: bool = True,
        residual_norm: NormLike | None = "gvp_layernorm",
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        S, V = scalars_and_vectors(hidden)
        options = GVPOptions(
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
            vector_gate=vector_gate,
            residual_norm=residual_norm,
        )
        self.irreps = o3.Irreps(f"{S}x0e+{V}x1o")
        self.embedding = GeometricVectorPerceptron((node_dim, 1), (S, V), None, vector_gate)
        self.layers = nn.ModuleList(
            GVPLayer(options, index == layers - 1) for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        features = pack(*self.embedding(h, start.v.unsqueeze(-1)))
        for layer in self.layers:
            x, features = layer(x, features, start)
        return ModelOutput(x, features, v)

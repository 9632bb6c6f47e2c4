"""SEGNN: steerable message passing, with a position update in each layer."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._irreps import hidden_irreps
from eqnorm_adapters._segnn_layer import EdgeGeometry, SEGNNLayer, SEGNNOptions
from eqnorm_adapters._slotted import Start
from eqnorm_adapters._steerable_product import SteerableProduct
from eqnorm_adapters._vectors import length


@register_model(
    "segnn",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Brandstetter et al. 2022 (arXiv:2110.02905)",
)
class SEGNN(Backbone):
    r"""SEGNN: steerable message passing, with a position update in each layer.

    Features f (N, D) are irreps. Steerable attributes are spherical harmonics Y up to degree
    ``lmax`` of relative positions and of velocities, with d_ij = x_i - x_j,

        a_ij = Y(-d_ij / \|d_ij\|),  a_i = mean_j a_ij + Y(v_i / \|v_i\|), its scalar set to 1,

    and W(f; a) is linear in f, with weights linear in a: all Clebsch-Gordan products of f and a,
    mixed. At the start f_i = W(h_i, \|v_i\|, v_i; a_i). Each layer computes, with σ the gated
    nonlinearity, silu on 0e and a sigmoid of a scalar times everything else,

        m_ij = σ W2(σ W1(f_i, f_j, \|d_ij\|^2, e_ij; a_ij); a_ij)
        f_i <- f_i + W4(σ W3(f_i, agg_j m_ij; a_i); a_i)
        x_i <- x_i + W6(σ W5(f_i, agg_j m_ij; a_i); a_i)           one 1o

    for points x (N, 3), velocities v (N, 3), node invariants h and edge invariants e.

    Equivariant to E(3): positions enter as differences, products and gates commute with O(3), and
    sums over neighbours are symmetric.

    Slots: ``feature_norm`` acts on the f that messages and updates see, before each layer,
    ``message_norm`` on agg_j m_ij, ``update_norm`` on what is added to x, ``norm`` on x after
    each layer. ``edge_norm`` n acts on d and takes the place of the division by its length: Y
    then sees n(d) / sqrt(1 + \|n(d)\|^2). `feature_norm="instancenorm"` comes next to the
    published choice, which acts at the end of each layer.

    Source: Brandstetter et al. 2022 (arXiv:2110.02905, Eqs. 5-7, Sec. 4 for N-body). As published:
    the layers W with their initialisation, messages, updates, attributes, embedding; the output
    block W5, W6, without messages. Departures: a step per layer instead of one at the end, which
    starts small as in EGNN, with attributes of the moved points; cutoff and radial basis, where
    mean_j a_ij is sum_j w_ij a_ij / sqrt(1 + (sum_j w_ij)^2), w the envelope;
    directions are d / sqrt(r^2 + δ^2), with δ 1e-3 of the unit of length, or of the cutoff, and
    likewise for velocities.

    Args:
        norm: norms in the slots, by name or otherwise; see :func:`eqnorm.create_norm`.
        update_norm: as above.
        edge_norm: as above.
        feature_norm: as above.
        message_norm: as above.
        norm_last: apply ``norm`` after the last layer too.
        hidden: number of channels for each degree up to ``lmax``, of parity (-1)^l; or irreps,
            with at least one 0e and one 1o.
        layers: number of layers.
        lmax: highest degree of the attributes, 1 to 11.
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        num_basis: number of radial basis functions; 0 for the squared distance, as published.
        cutoff: distance at which messages have faded out, or None.
        from_centre: let f start from x_i - mean x too, as in the published N-body model.
        message_aggregation: how messages are collected for f: "sum", "mean" or "sqrt".
        coord_aggregation: the same for x.
        center: see :class:`eqnorm.Backbone`.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("segnn", hidden=8, layers=2, feature_norm="instancenorm")
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
        hidden: int | str | o3.Irreps = 16,
        layers: int = 4,
        lmax: int = 1,
        node_dim: int = 1,
        edge_dim: int = 0,
        num_basis: int = 0,
        cutoff: float | None = None,
        from_centre: bool = False,
        message_aggregation: Aggregation = "sum",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        self.irreps = hidden_irreps(hidden, lmax)
        self.from_centre = from_centre
        options = SEGNNOptions(
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
            activation="silu",
            irreps=self.irreps,
            lmax=lmax,
            num_basis=num_basis,
            cutoff=cutoff,
        )
        self.geometry = EdgeGeometry(options)
        inputs = f"{node_dim + 1}x0e+{1 + from_centre}x1o"
        self.embedding = SteerableProduct(inputs, self.irreps, lmax)
        self.layers = nn.ModuleList(
            SEGNNLayer(options, index == layers - 1) for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        inputs = [h, length(start.v), start.v]
        if self.from_centre:
            inputs.append(x - graph.spread(graph.mean(x)))
        _, _, of_nodes, _ = self.geometry(x, start, None)
        features = self.embedding(torch.cat(inputs, dim=-1), of_nodes)
        for layer in self.layers:
            x, features = layer(x, features, start)
        return ModelOutput(x, features, v)

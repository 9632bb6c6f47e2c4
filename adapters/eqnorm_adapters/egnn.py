"""E(n)-equivariant graph neural network."""

from __future__ import annotations

from eqnorm import NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._egnn.options import EGNNOptions
from eqnorm_adapters._egnn.stack import EGNNStack


@register_model(
    "egnn",
    equivariant_to="E3",
    source="Satorras et al. 2021 (arXiv:2102.09844), Eqs. 3-6",
)
class EGNN(EGNNStack):
    r"""E(n)-equivariant graph neural network.

    Each layer computes, with i receiving and j sending (Eqs. 3-6),

    m_ij = phi_e(h_i, h_j, \|x_i - x_j\|^2, e_ij)
    x_i <- x_i + C sum_j (x_i - x_j) phi_x(m_ij)
    h_i <- h_i + phi_h(h_i, sum_j m_ij)

    for points x (N, 3), hidden features h (N, hidden) and edge features e (E, edge_dim).
    phi_e, phi_x, phi_h are networks of two linear layers, C is 1 over the number of edges received.

    Args:
        norm: of the points, after each layer. Every norm in a slot is a separate one per layer.
        update_norm: of the displacement C sum_j (x_i - x_j) phi_x(m_ij), before it is added.
        edge_norm: of the relative vectors x_i - x_j, one for each edge. The lengths that phi_e
            sees are always those of the vectors before it.
        feature_norm: of the hidden features, before each layer.
        message_norm: of the aggregated messages.
        norm_last: whether ``norm`` stands after the last layer too.
        hidden: number of hidden features.
        layers: number of layers.
        node_dim: number of invariant input features h per node.
        edge_dim: number of invariant input features e per edge.
        message_aggregation: "sum", "mean" or "sqrt" (sum over the root of the number) of m_ij.
        coord_aggregation: the same for coordinates, C: "mean" as in the official code; the
            GeoNorm paper (Eq. 2) sums.
        center: compute about each graph's centre; see :class:`eqnorm.Backbone`.
        attention: multiply m_ij by sigmoid of a linear map of it (Eq. 8).
        tanh: bound phi_x by tanh.
        residual: add h_i in the update of features, as both official ``EGNN`` do.
        activation: "silu", "relu", "leaky_relu" (0.2), "gelu", "softplus" or "tanh".
        coords_weight: factor of the sum in the coordinate update.
        products: "float32", or "bfloat16" for products of the edge networks in half precision
            with sums in float32, where the compiled kernel runs on a processor that has such
            instructions (relative error about 3e-3); in float32 elsewhere.
        out_dim: width of a linear map of the last features, which gives ``out.h``; None for none.
            ``egnn_clean`` of the official code has one.

    Norms are called as norm(value, graph, x0=..., h=...), with the input points and the
    current hidden features; ``edge_norm`` as norm(value, graph.edge_graph()).

    Equivariant to E(3): lengths are invariant, and points move by invariants times relative
    vectors. Norms can take symmetries away; ``eqnorm.contract_of(model)`` says which.

    Departs from the official code in not clamping the coordinates of messages to +-100, which
    breaks rotations, and in writing into no argument. The first product of phi_e is split:
    W (h_i, h_j, r, e) = W_1 h_i + W_2 h_j + W_3 (r, e), the first two at nodes instead of edges.
    :func:`eqnorm_adapters.load_official_state_dict` loads its weights.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("egnn", norm="geonorm", hidden=16, layers=2)
        >>> out = model(torch.randn(10, 3), eqnorm.Graph.complete(2, 5))
        >>> out.x.shape, out.h.shape, out.v
        (torch.Size([10, 3]), torch.Size([10, 16]), None)
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
        attention: bool = False,
        tanh: bool = False,
        residual: bool = True,
        activation: str = "silu",
        coords_weight: float = 1.0,
        products: str = "float32",
        out_dim: int | None = None,
    ) -> None:
        options = EGNNOptions(
            norm=norm,
            update_norm=update_norm,
            edge_norm=edge_norm,
            feature_norm=feature_norm,
            message_norm=message_norm,
            norm_last=norm_last,
            hidden=hidden,
            layers=layers,
            node_dim=node_dim,
            edge_dim=edge_dim,
            message_aggregation=message_aggregation,
            coord_aggregation=coord_aggregation,
            center=center,
            attention=attention,
            tanh=tanh,
            residual=residual,
            activation=activation,
            coords_weight=coords_weight,
            products=products,
        )
        super().__init__(options, out_dim=out_dim)

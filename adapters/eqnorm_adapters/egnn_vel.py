"""E(n)-equivariant graph neural network with velocities."""

from __future__ import annotations

from eqnorm import NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._egnn.options import EGNNOptions
from eqnorm_adapters._egnn.stack import EGNNStack


@register_model(
    "egnn_vel",
    equivariant_to="E3",
    velocities=True,
    source="Satorras et al. 2021 (arXiv:2102.09844), Eqs. 3, 5-7",
    aliases=("egnn_velocity",),
)
class EGNNVel(EGNNStack):
    r"""E(n)-equivariant graph neural network with velocities.

    Each layer computes, with i receiving and j sending,

    m_ij = phi_e(h_i, h_j, \|x_i - x_j\|^2, e_ij)
    dx_i = C sum_j (x_i - x_j) phi_x(m_ij) + phi_v(h_i) v_i
    x_i <- x_i + dx_i
    h_i <- phi_h(h_i, sum_j m_ij)

    for points x and velocities v (N, 3), hidden features h (N, hidden) and edge features
    e (E, edge_dim). phi_e, phi_x, phi_v, phi_h are networks of two linear layers, C is 1 over the
    number of edges received. With ``velocity_update`` also v_i <- dx_i, which is Eq. 7; without it
    v stays the input, as in the official code.

    Args:
        norm: of the points, after each layer. Every norm in a slot is a separate one per layer.
        update_norm: of the displacement dx, both terms of it, before it is added.
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
        residual: add h_i in the update of features. False is the default of the official
            ``EGNN_vel`` (``recurrent``); its N-body script passes True.
        activation: "silu", "relu", "leaky_relu" (0.2), "gelu", "softplus" or "tanh".
        coords_weight: factor of the sum in the coordinate update.
        products: "float32", or "bfloat16" for products of the edge networks in half precision
            with sums in float32, where the compiled kernel runs on a processor that has such
            instructions (relative error about 3e-3); in float32 elsewhere.
        velocity_update: Eq. 7: dx, after ``update_norm``, is the new velocity, which the next
            layer uses and the last one returns as ``out.v``.

    Norms are called as norm(value, graph, x0=..., v=..., h=...), with the input points
    and velocities and the current hidden features; ``edge_norm`` as
    norm(value, graph.edge_graph()).

    Equivariant to E(3): lengths are invariant, and points move by invariants times relative
    vectors and velocities. Norms can take symmetries away; ``eqnorm.contract_of(model)`` says
    which.

    Departs from the official code in not clamping the coordinates of messages to +-100, which
    breaks rotations, and in writing into no argument. The first product of phi_e is split:
    W (h_i, h_j, r, e) = W_1 h_i + W_2 h_j + W_3 (r, e), the first two at nodes instead of edges.
    :func:`eqnorm_adapters.load_official_state_dict` loads its weights.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("egnn_vel", norm="geonorm", hidden=16, edge_dim=2)
        >>> graph = eqnorm.Graph.complete(2, 5)
        >>> x, v, e = torch.randn(10, 3), torch.randn(10, 3), torch.randn(graph.num_edges, 2)
        >>> out = model(x, graph, v=v, edge_attr=e)
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
        attention: bool = False,
        tanh: bool = False,
        residual: bool = False,
        activation: str = "silu",
        coords_weight: float = 1.0,
        products: str = "float32",
        velocity_update: bool = False,
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
        super().__init__(options, velocities=True, velocity_update=velocity_update)

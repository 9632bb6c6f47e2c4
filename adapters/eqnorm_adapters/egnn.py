"""E(n)-equivariant graph neural network."""

from __future__ import annotations

from eqnorm import register_model
from eqnorm.registry import NormLike
from eqnorm_adapters._egnn_edges import Aggregation
from eqnorm_adapters._egnn_layer import EGNNOptions
from eqnorm_adapters._egnn_stack import EGNNStack


@register_model(
    "egnn",
    equivariant_to="E3",
    source="Satorras et al. 2021 (arXiv:2102.09844), Eqs. 3-6",
)
class EGNN(EGNNStack):
    r"""E(n)-equivariant graph neural network.

    Each layer computes, with i receiving and j sending,

    m_ij = phi_e(h_i, h_j, \|x_i - x_j\|^2, e_ij)
    x_i <- x_i + C sum_j (x_i - x_j) phi_x(m_ij)
    h_i <- h_i + phi_h(h_i, sum_j m_ij)

    for points x (N, 3), hidden features h (N, hidden) and edge features e (E, edge_dim).
    phi_e, phi_x, phi_h are networks of two linear layers, C is 1 over the number of edges
    received.

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
        )
        super().__init__(options, out_dim=out_dim)

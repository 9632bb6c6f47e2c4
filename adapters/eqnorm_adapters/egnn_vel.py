"""E(n)-equivariant graph neural network with velocities."""

from __future__ import annotations

from eqnorm import register_model
from eqnorm.registry import NormLike
from eqnorm_adapters._egnn_edges import Aggregation
from eqnorm_adapters._egnn_layer import EGNNOptions
from eqnorm_adapters._egnn_stack import EGNNStack


@register_model(
    "egnn_vel",
    equivariant_to="E3",
    velocities=True,
    source="Satorras et al. 2021 (arXiv:2102.09844), Eqs. 3, 5-7",
    aliases=("egnn_velocity",),
)
class EGNNVel(EGNNStack):
    r"""E(n)-equivariant graph neural network with velocities.

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
        )
        super().__init__(options, velocities=True, velocity_update=velocity_update)

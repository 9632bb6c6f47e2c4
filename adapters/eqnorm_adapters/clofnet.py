"""ClofNet: complete local frames, which tell left from right."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._clofnet_layer import ClofNetLayer, frames, soft_unit
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._options import ACTIVATIONS, CommonOptions, at_least_one
from eqnorm_adapters._slotted import Start
from eqnorm_adapters._vectors import length, wide

_SOFT = 1e-5  # of lengths in the angle, as in the official code
_SCALARS = 14  # of an edge: an angle, two points and two velocities


@register_model(
    "clofnet",
    equivariant_to="SE3",
    velocities=True,
    periodic=False,
    source="Du et al. 2022 (arXiv:2110.14811), Secs. 4.1-4.2",
    aliases=("clof",),
)
class ClofNet(Backbone):
    r"""ClofNet: complete local frames, which tell left from right.

    With the graph's initial centre as origin, every edge ij, i receiving, has a frame F_ij of
    three vectors, d = x_i - x_j and c = x_i x x_j,

        a = d / (1 + \|d\|),  b = c / (1 + \|c\|),  a x b

    The components in F_ij of x_i, x_j, v_i, v_j, and an angle between the first two, all
    invariants, make with the edge's own invariants the s_ij (E, hidden / 2), once, at the start.
    Each layer then computes

        m_ij = phi_e(h_i, h_j, \|d\|^2, s_ij)
        x_i <- x_i + agg_j F_ij^T phi_x(m_ij) + v_i phi_v(h_i)
        h_i <- LayerNorm(2 h_i + phi_h(h_i, agg_j m_ij))

    for points x (N, 3), velocities v (N, 3), features h (N, hidden); phi_x has three results.

    Equivariant to SE(3), and not to reflections: c is a pseudovector, whose sign a reflection
    turns relative to the vectors, so that x moves to another side in the mirror. Rotations turn
    all three vectors, translations move the centre along.

    Slots: ``feature_norm`` acts on h before each layer, ``message_norm`` on agg_j m_ij,
    ``edge_norm`` on d and takes the place of a in the layers' frames ("enf" gives a again),
    ``update_norm`` on what is added to x, ``norm`` on x after each layer.

    Source: Du et al. 2022 (arXiv:2110.14811) and their code, `ClofNet_vel`. Departures: no
    clamp of the components of steps at 100, which breaks rotations. Lengths are
    sqrt(\|.\|^2 + 1e-12) and the angle's sine comes from a cross product, for gradients where
    nodes coincide or are in line. b fades out where x_i, x_j and the centre are in line to 1e-3,
    where its direction is a matter of rounding; the components of x_i and x_j along it are zero,
    as they are but for rounding.

    Args:
        norm: norms in the slots, by name or otherwise; see :func:`eqnorm.create_norm`.
        update_norm: as above.
        edge_norm: as above.
        feature_norm: as above.
        message_norm: as above.
        norm_last: apply ``norm`` after the last layer too.
        hidden: number of features.
        layers: number of layers.
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        message_aggregation: how m_ij is collected: "sum", "mean" or "sqrt".
        coord_aggregation: the same for steps.
        center: see :class:`eqnorm.Backbone`.
        activation: of all networks.
        tanh: bound the components of steps.
        residual_norm: the LayerNorm in the formula; with None, h <- h + phi_h.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("clofnet", norm="geonorm", hidden=16, layers=2)
        >>> out = model(torch.randn(10, 3), eqnorm.Graph.complete(2, 5), v=torch.randn(10, 3))
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
        tanh: bool = False,
        residual_norm: NormLike | None = "layernorm",
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
        act, edge_width = ACTIVATIONS[activation], max(hidden // 2, 1)
        self.embedding = nn.Linear(node_dim, hidden)
        self.fuse_edge = nn.Sequential(
            nn.Linear(_SCALARS + edge_dim, edge_width),
            act(),
            nn.Linear(edge_width, edge_width),
            act(),
        )
        self.layers = nn.ModuleList(
            ClofNetLayer(options, index == layers - 1, hidden, edge_width, tanh, residual_norm)
            for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        origin = graph.spread(graph.mean(x))
        scalars = _scalarized(wide(x - origin), wide(start.v), graph).to(x.dtype)
        if edge_attr is not None:
            scalars = torch.cat([edge_attr, scalars], dim=-1)
        h, edges = self.embedding(h), self.fuse_edge(scalars)
        for layer in self.layers:
            x, h = layer(x, h, origin, edges, start)
        return ModelOutput(x, h, v)


def _scalarized(central: Tensor, v: Tensor, graph: Graph) -> Tensor:
    """Points and velocities at both ends of every edge in its frame, and an angle: (E, 14)."""
    relative = graph.relative(central)
    frame = frames(relative, soft_unit(relative), central, graph)
    axis, across, third = frame.unbind(1)
    in_plane = torch.stack([axis, torch.zeros_like(across), third], dim=1)
    ends = [graph.receivers, graph.senders]
    x_i, x_j = ((in_plane * central.index_select(0, end).unsqueeze(1)).sum(-1) for end in ends)
    v_i, v_j = ((frame * v.index_select(0, end).unsqueeze(1)).sum(-1) for end in ends)
    p, q = length(x_i), length(x_j)
    product = (p + _SOFT) * (q + _SOFT)
    cosine = (x_i * x_j).sum(-1, keepdim=True) / product
    # sqrt(1 - cosine^2), without the difference, which rounding makes negative.
    rest = _SOFT * (p + q + _SOFT) * (product + p * q)
    cross = torch.linalg.cross(x_i, x_j).square().sum(-1, keepdim=True)
    sine = (cross + rest).sqrt() / product
    return torch.cat([sine, cosine, x_i, x_j, v_i, v_j], dim=-1)

"""Tensor field network with a position update in each layer."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._irreps import IrrepsLinear, hidden_irreps
from eqnorm_adapters._slotted import Start
from eqnorm_adapters._tfn_layer import TFNLayer, TFNOptions


@register_model(
    "tfn",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Thomas et al. 2018 (arXiv:1802.08219)",
    aliases=("tensor-field-network",),
)
class TFN(Backbone):
    r"""Tensor field network: convolutions with spherical harmonics over e3nn irreps.

    Features f (N, D) are irreps, at the start a linear map of the invariants h and, as a 1o,
    of the velocities v. In each layer, with d_ij = x_i - x_j and r_ij = |d_ij|,

        m_i = agg_j w(r_ij, e_ij) (f_j (x) Y(d_ij / r_ij))   tensor-field convolution
        f_i <- f_i + gate(W1 m_i + W2 f_i)                   self-interaction, skip
        x_i <- x_i + W3 m_i + W4 f_i                         read out as one 1o

    (x) couples channel by channel with Clebsch-Gordan symbols to all irreps in ``hidden``; w is
    a network with one hidden layer over a radial basis and the edge's invariants e; gate is silu
    on 0e, tanh on 0o, and a sigmoid of a scalar times everything else.

    Equivariant to E(3) because positions enter as differences only, every map commutes with
    O(3), and all sums over neighbours are symmetric.

    Slots: ``feature_norm`` acts on f before each layer, ``message_norm`` on m, ``update_norm``
    on the update of x, ``norm`` on x after each layer. ``edge_norm`` acts on d, and takes the
    place of the division by r: Y then sees u = n / sqrt(1 + |n|^2), where n = edge_norm(d), of
    any length up to 1; w goes on seeing the true r.

    Directions are d / sqrt(r^2 + δ^2) with δ = 1e-3 units of length (of the cutoff where there
    is one), so that coincident nodes have finite gradients; Y of degree l is a polynomial in
    them that fades out like (r/δ)^l. Distances enter through log(1 + r^2) / 2 or, with a
    cutoff, Bessel functions, both bounded, from systems of size 1e-3 to 1e3.

    Source: Thomas et al. 2018 (arXiv:1802.08219, Sec. 4). Departures: the position update, which
    starts small (1e-3 of a unit variance) as in EGNN; velocities; skip connections; sigmoid gates
    instead of functions of norms; parity is kept track of, so that it is O(3)-equivariant and not
    only SO(3); the radial basis.

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
        lmax: highest degree of the filters Y, 1 to 11.
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        num_basis: number of radial basis functions.
        cutoff: distance at which messages have faded out, or None.
        radial_hidden: width of the radial network; up to 24 and a quarter of the number of
            neighbours, complete graphs take a faster path.
        message_aggregation: how m_i is collected for f: "sum", "mean" or "sqrt".
        coord_aggregation: the same for x.
        center: see :class:`eqnorm.Backbone`.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("tfn", hidden=4, layers=2, lmax=1, feature_norm="rmsnorm")
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
        hidden: int | str | o3.Irreps = 16,
        layers: int = 4,
        lmax: int = 2,
        node_dim: int = 1,
        edge_dim: int = 0,
        num_basis: int = 8,
        cutoff: float | None = None,
        radial_hidden: int = 16,
        message_aggregation: Aggregation = "sum",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        self.irreps = hidden_irreps(hidden, lmax)
        options = TFNOptions(
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
            radial_hidden=radial_hidden,
        )
        self.embedding = IrrepsLinear(f"{node_dim}x0e+1x1o", self.irreps)
        self.layers = nn.ModuleList(
            TFNLayer(options, last=index == layers - 1) for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        """The network itself, on checked inputs."""
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        features = self.embedding(torch.cat([h, start.v], dim=-1))
        for layer in self.layers:
            x, features = layer(x, features, start)
        return ModelOutput(x, features, start.v)

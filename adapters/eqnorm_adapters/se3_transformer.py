"""SE(3)-Transformer: equivariant attention, with a position update in each layer."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._irreps import IrrepsLinear, hidden_irreps
from eqnorm_adapters._se3_transformer_layer import (
    SE3TransformerLayer,
    SE3TransformerOptions,
    SelfInteraction,
)
from eqnorm_adapters._slotted import Start


@register_model(
    "se3_transformer",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Fuchs et al. 2020 (arXiv:2006.10503)",
    aliases=("se3-attention",),
)
class SE3Transformer(Backbone):
    r"""SE(3)-Transformer: equivariant attention over irreps, with a position update in each layer.

    Features f (N, D) are irreps, at the start a linear map of the invariants h and, as a 1o,
    of the velocities v. In each layer, with d_ij = x_i - x_j, r_ij = \|d_ij\| and for each head,

        q_i = W_Q f_i,  k_ij = w_K(r_ij, e_ij) (A_K f_j (x) Y(d_ij / r_ij)),  v_ij likewise
        α_ij = softmax over j of <q_i, k_ij> / sqrt(D_k)        attention, invariant
        m_i = sum_j α_ij v_ij
        f_i <- η(W1 m_i + S(f_i))                               self-interaction S, nonlinearity η
        x_i <- x_i + W2 m_i + W3 f_i                            read out as one 1o

    (x) couples channel by channel with Clebsch-Gordan symbols to all irreps in ``hidden``; w is a
    network with one hidden layer over a radial basis and the edge's invariants e; <q, k> runs
    over all degrees and the channels of the head, D_k numbers; η acts on the lengths of features,
    between layers. S is a linear map ("linear": together with W1 the concatenating skip of the
    authors' code), a mix of channels with weights from their inner products ("attentive", Eq. 13),
    or f_i itself ("skip").

    Equivariant to E(3) because positions enter as differences only, q_i and k_ij transform by the
    same orthogonal matrix, so that α does not change, every map commutes with O(3), and sums over
    neighbours are symmetric.

    With a cutoff c the softmax has the weights (1 - r^2/c^2)^3, in front of the exponential, so
    that a neighbour leaves it without a jump.

    Slots: ``feature_norm`` acts on the f that attention and S see, before each layer,
    ``message_norm`` on m, ``update_norm`` on the update of x, ``norm`` on x after each layer.
    ``edge_norm`` n acts on d and takes the place of the division by r: Y sees
    n(d) / sqrt(1 + \|n(d)\|^2), w the true r.

    Attention is an average, so "mean" is as published, for messages and for positions; "sum"
    multiplies it by the number of neighbours (with a cutoff, the sum of their weights), "sqrt" by
    its root. With constant keys these are what the same words mean elsewhere.

    Directions are d / sqrt(r^2 + δ^2) with δ = 1e-3 units of length (of the cutoff where there
    is one), so that coincident nodes have finite gradients.

    Source: Fuchs et al. 2020 (arXiv:2006.10503, Eq. 10 to 13); the scaling of <q, k>, the skip
    and η are those of the authors' code. Departures: parity is kept track of, so that it is
    O(3)-equivariant and not only SO(3), with fewer paths for the same degrees; a position update
    per layer, which starts small (1e-3 of a unit variance) as in EGNN, and kernels that see the
    moved positions; kernels act channel by channel after a linear map of f_j, where the authors'
    have a radial function for each pair of channels; the radial basis, and no BatchNorm in the
    radial network; no relative positions among the features; lengths in η and directions are
    soft, by 1e-2 and 1e-3.

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
        heads: number of attention heads.
        head_channels: channels of the keys and values of a head, for each irrep in ``hidden``.
        self_interaction: S: "linear", "attentive" or "skip".
        node_dim: number of invariants per node.
        edge_dim: number of invariants per edge.
        num_basis: number of radial basis functions.
        cutoff: distance at which messages have faded out, or None.
        radial_hidden: width of the radial network.
        message_aggregation: how α v is collected for f: "mean", "sum" or "sqrt".
        coord_aggregation: the same for x.
        center: see :class:`eqnorm.Backbone`.
        activation: η.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("se3_transformer", hidden=4, layers=2, lmax=1)
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
        heads: int = 4,
        head_channels: int = 4,
        self_interaction: SelfInteraction = "linear",
        node_dim: int = 1,
        edge_dim: int = 0,
        num_basis: int = 8,
        cutoff: float | None = None,
        radial_hidden: int = 16,
        message_aggregation: Aggregation = "mean",
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
        activation: str = "relu",
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        self.irreps = hidden_irreps(hidden, lmax)
        options = SE3TransformerOptions(
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
            irreps=self.irreps,
            lmax=lmax,
            heads=heads,
            head_channels=head_channels,
            self_interaction=self_interaction,
            num_basis=num_basis,
            cutoff=cutoff,
            radial_hidden=radial_hidden,
        )
        self.embedding = IrrepsLinear(f"{node_dim}x0e+1x1o", self.irreps)
        self.layers = nn.ModuleList(
            SE3TransformerLayer(options, index == layers - 1) for index in range(layers)
        )

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        features = self.embedding(torch.cat([h, start.v], dim=-1))
        for layer in self.layers:
            x, features = layer(x, features, start)
        return ModelOutput(x, features, v)

"""NequIP: an interatomic potential; or, with a position update in each layer, a predictor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Backbone, Graph, ModelOutput, NormLike, register_model
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._energy import EnergyForces, EnergyReadout, differentiate
from eqnorm_adapters._irreps import SCALAR, IrrepsLinear, hidden_irreps
from eqnorm_adapters._nequip_layer import NequIPLayer, NequIPOptions
from eqnorm_adapters._slotted import Start


@register_model(
    "nequip",
    equivariant_to="E3",
    features="irreps",
    velocities=True,
    source="Batzner et al. 2022 (arXiv:2101.03164)",
)
class NequIP(Backbone):
    r"""NequIP: convolutions with radial MLPs, self-connections by species, gates.

    Features f (N, D) are irreps, at the start a linear map of the invariants h (N, node_dim),
    species as one-hot vectors in the paper, and of the velocities v. In each layer, with
    d_ij = x_i - x_j and r_ij = \|d_ij\|,

        m_i = agg_j w(r_ij, e_ij) (W1 f_j (x) Y(d_ij / r_ij)) / sqrt(avg_num_neighbors)
        f_i <- gate(W2 m_i + W3 (f_i, h_i))
        x_i <- x_i + W4 m_i + W5 f_i                      read out as one 1o

    (x) couples channel by channel to all irreps in ``hidden``; w is a bias-free network of the
    radial basis, times its envelope, and the edge's invariants e; W3 is bilinear: a linear map for
    each species; gate is silu on 0e, tanh on 0o, and silu of a scalar times everything else.

    With ``energy=True`` it is the published potential: positions stay, v is not used, the last
    layer writes scalars only, and :meth:`energy_and_forces` gives E = sum_i W s_i and F = -dE/dx.

    Equivariant to E(3): positions enter as differences, maps commute with O(3), sums are symmetric.

    Slots: ``feature_norm`` acts on f before each layer, ``message_norm`` on m, ``update_norm`` on
    the update of x, ``norm`` on x after each layer; the last two not with ``energy=True``. With an
    ``edge_norm`` n, Y sees n(d) / sqrt(1 + \|n(d)\|^2) for d / r; r is the true length. Silu gates
    multiply up: on charged particles, errors are 1e25 without, 0.03 with feature_norm="rmsnorm".

    Source: Batzner et al. 2022 (arXiv:2101.03164): the interaction block, with the normalisations
    of `e3nn`, the output block, scale and shift per species. Departures: the update of x, which
    starts small as in EGNN, and velocities, both absent with ``energy=True``; edge invariants;
    fixed Bessel frequencies, and Gaussians of log distance without a cutoff; directions are
    d / sqrt(r^2 + δ^2), with δ 1e-3 of the unit of length, or of the cutoff; Y(x_i - x_j) for
    Y(x_j - x_i), which weights undo; gates are 0e for odd irreps too.

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
        node_dim: number of invariants per node; where they are not one-hot, let one of them be 1.
        edge_dim: number of invariants per edge.
        num_basis: number of radial basis functions.
        cutoff: distance at which messages have faded out, or None.
        radial_hidden: width of the radial network.
        radial_layers: number of its hidden layers.
        avg_num_neighbors: mean number of edges per node in the data, or None for no division.
        energy: be a potential, with :meth:`energy_and_forces`.
        energy_scale: unit of the energies of nodes, one number or one per species.
        energy_shift: their zero, likewise.
        message_aggregation: how m_i is collected for f: "sum", "mean" or "sqrt"; None for "sum"
            with ``energy`` or ``avg_num_neighbors``, else "mean": fresh sums over 20 reach 1e13.
        coord_aggregation: the same for x.
        center: see :class:`eqnorm.Backbone`.

    Example:
        >>> import eqnorm
        >>> model = eqnorm.create_model("nequip", hidden=4, layers=2, cutoff=3.0, energy=True)
        >>> out = model.energy_and_forces(torch.randn(10, 3), eqnorm.Graph.complete(2, 5))
        >>> out.energy.shape, out.forces.shape, out.node_energy.shape
        (torch.Size([2, 1]), torch.Size([10, 3]), torch.Size([10, 1]))
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
        radial_hidden: int = 64,
        radial_layers: int = 2,
        avg_num_neighbors: float | None = None,
        energy: bool = False,
        energy_scale: float | Sequence[float] = 1.0,
        energy_shift: float | Sequence[float] = 0.0,
        message_aggregation: Aggregation | None = None,
        coord_aggregation: Aggregation = "mean",
        center: bool = False,
    ) -> None:
        super().__init__(node_dim, edge_dim, velocities=True, center=center)
        irreps = hidden_irreps(hidden, lmax)
        summed = energy or avg_num_neighbors is not None
        options = NequIPOptions(
            norm=norm,
            update_norm=update_norm,
            edge_norm=edge_norm,
            feature_norm=feature_norm,
            message_norm=message_norm,
            norm_last=norm_last,
            layers=layers,
            edge_dim=edge_dim,
            message_aggregation=message_aggregation or ("sum" if summed else "mean"),
            coord_aggregation=coord_aggregation,
            activation="silu",
            node_dim=node_dim,
            lmax=lmax,
            num_basis=num_basis,
            cutoff=cutoff,
            radial_hidden=radial_hidden,
            radial_layers=radial_layers,
            avg_num_neighbors=avg_num_neighbors,
            energy=energy,
        )
        if not energy and (energy_scale != 1.0 or energy_shift != 0.0):
            raise ValueError("energy_scale and energy_shift are of the energy: say energy=True too")
        scalars = o3.Irreps([entry for entry in irreps if entry.ir == SCALAR])
        ends = scalars if energy else irreps
        between = [ends] + [irreps] * (layers - 1) + [ends]
        self.irreps = ends
        self.energy = energy
        self.embedding = IrrepsLinear(f"{node_dim}x0e" + ("" if energy else "+1x1o"), ends)
        self.layers = nn.ModuleList(
            NequIPLayer(options, between[index], between[index + 1], index == layers - 1)
            for index in range(layers)
        )
        readout = EnergyReadout(scalars.dim, node_dim, energy_scale, energy_shift)
        self.energy_readout = readout if energy else None

    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        start = Start(graph, x, torch.zeros_like(x) if v is None else v, edge_attr)
        features = self.embedding(h if self.energy else torch.cat([h, start.v], dim=-1))
        for layer in self.layers:
            x, features = layer(x, features, h, start)
        return ModelOutput(x, features, v)

    def energy_and_forces(
        self,
        x: Tensor,
        graph: Graph,
        h: Tensor | None = None,
        edge_attr: Tensor | None = None,
        *,
        create_graph: bool | None = None,
    ) -> EnergyForces:
        """Energies and forces; also under `torch.no_grad`.

        Args:
            x: as in the model's call, like the next three.
            graph: as above.
            h: as above.
            edge_attr: as above.
            create_graph: make the result differentiable; None for: in training mode, where
                gradients are on.

        Raises:
            ValueError: the model was built without ``energy=True``.
            TypeError: ``graph`` is not a Graph, or ``x`` no tensor of floating point.
            RuntimeError: under `torch.inference_mode`.
        """
        readout = self.energy_readout
        if readout is None:
            raise ValueError("this model has no energy: build it with energy=True")

        def node_energy(at: Tensor) -> Tensor:
            species = readout.scale.new_ones(len(at), self.node_dim) if h is None else h
            found: Tensor = readout(self(at, graph, species, None, edge_attr).h, species)
            return found

        again = self.training and torch.is_grad_enabled() if create_graph is None else create_graph
        return differentiate(node_energy, x, graph, again)

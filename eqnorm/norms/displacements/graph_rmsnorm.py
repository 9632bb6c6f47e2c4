"""Root mean square normalisation of the displacements of a system."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import displacements
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm


@register_norm(
    "graph_rmsnorm",
    on="1o",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    optional=("v",),
    source="RMSNorm: Zhang & Sennrich 2019, arXiv:1910.07467, over the nodes of a graph",
    aliases=("displacement_rmsnorm",),
    notes="rmsnorm on irreps has node scope: on one vector it leaves its direction only",
)
class GraphRMSNorm(Norm):
    """The displacements of a system divided by their root mean square length.

    F(dx_i) = g S dx_i / sqrt(mean_j |dx_j|^2 + (eps S)^2), where dx_i are displacements (N, 3),
    g is a learnable scalar and S^2 = rms(v)^2 + (s0 / 10)^2 says how far a system may go, with
    s0 the initial root mean square radius; without velocities S = s0 / 2. It is ``rms_film``
    without its modulation. Which particles move far and which little survives, unlike under
    ``rmsnorm``, whose scope is the node, and which leaves the direction of a lone vector only.

    Equivariant to rotations and reflections: displacements are multiplied by an invariant.
    Translations move neither them nor S. In a periodic box s0 is the spacing (V/n)^(1/3).

    Args:
        gain: the value g starts from.
        eps: in units of S.

    A system without extent and without velocities has no length to measure by: S = 0, and so is
    the output.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("graph_rmsnorm", on="1o")
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(torch.full((2, 3), 1e6), x0=x0).detach().norm(dim=-1)
        tensor([0.1500, 0.1500])
    """

    looped = True

    def __init__(self, *, gain: float = 0.3, eps: float = 1e-3) -> None:
        super().__init__(3, needs=("x0",))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of S, got {eps}")
        self.eps = eps
        self.gain = point_parameter(None, 1, float(gain))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        return displacements.rms_norm(x, graph, x0, v, self.gain, self.eps)

"""Root mean square normalisation of displacements, modulated by features."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import displacements
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.coefficients import Coefficients
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm


@register_norm(
    "rms_film",
    on="1o",
    equivariant_to="E3",
    scope="graph",
    needs=("x0", "h"),
    optional=("v",),
    source="this project (DESIGN, section 5); FiLM: Perez et al. 2018, arXiv:1709.07871",
)
class RMSFiLM(Norm):
    """The displacements of a system at one size, which each particle modulates.

    F(dx_i) = g S dx_i (1 + tanh(W LN(h_i) + w)) / sqrt(mean_j |dx_j|^2 + (eps S)^2), where dx_i
    are displacements (N, 3), h_i invariant features (N, C), g is a learnable scalar, W (1, C)
    and w are learnable from 0, and S^2 = rms(v)^2 + (s0 / 10)^2 says how far a system may go,
    with s0 the initial root mean square radius; without velocities S = s0 / 2.

    Equivariant to rotations and reflections: displacements are multiplied by an invariant.
    Translations move neither them nor S. In a periodic box s0 is the spacing (V/n)^(1/3).

    Args:
        h_dim: number of invariant features C.
        gain: the value g starts from.
        eps: in units of S.

    A system without extent and without velocities has no length to measure by: S = 0, and so is
    the output.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("rms_film", on="1o", h_dim=2)
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(torch.full((2, 3), 1e6), x0=x0, h=torch.ones(2, 2)).detach().norm(dim=-1)
        tensor([0.1500, 0.1500])
    """

    looped = True

    def __init__(self, *, h_dim: int, gain: float = 0.3, eps: float = 1e-3) -> None:
        super().__init__(3, needs=("x0", "h"))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of S, got {eps}")
        self.eps = eps
        self.gain = point_parameter(None, 1, float(gain))
        self.coefficients = Coefficients(1, h_dim)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        gain = self.coefficients(h, x, self.gain, around_one=1)
        return displacements.rms_norm(x, graph, x0, v, gain, self.eps)

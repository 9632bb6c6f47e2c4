"""GeoNorm with a bias that has a direction of its own."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from eqnorm.functional import points_frame
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.coefficients import Coefficients
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm
from eqnorm.specs import NormSpec
from eqnorm.symmetry import Symmetry


@register_norm(
    "geoframe",
    on="points",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    optional=("v", "h"),
    periodic=False,
    source="this project; answers the open problem of Meng et al. 2024 (GeoNorm), section 4.4",
)
class GeoFrameNorm(Norm):
    """GeoNorm whose bias is a vector in a frame that turns with the system.

    F(x_i) = mu0 + g s0 dir(x_i - mu) + sum_k a_ik e_ik, with mu and mu0 the centres of the
    points (N, 3) and of the initial points, s0 the initial root mean square radius, dir(u) =
    u / sqrt(|u|^2 + (eps s0)^2), g a learnable scalar, and

    * e_ik the drift mu - mu0 capped to s0, the mean velocity of the system, the velocity v_i,
      and x0_i - mu0 (without velocities the first and the last);
    * if ``chiral`` also the six cross products of these, a x b / sqrt(|a|^2 + |b|^2 + (eps s0)^2);
    * a_ik = A_k tanh(W LN(h_i) + b)_k, W and b from 0, A_k learnable scalars from 1, or
      A_k tanh(b)_k without features.

    The paper's bias is a scalar along mu - mu0, since a free vector would break rotations. One
    with invariant coefficients in an equivariant frame learns direction and distance.

    Equivariant to rotations, reflections and translations; to rotations and translations only
    if ``chiral``, since a reflection turns cross products round.

    Args:
        h_dim: number of invariant features C; None to learn without them.
        chiral: whether the frame has cross products, which span space where two vectors do.
        eps: in units of s0.

    Departs from Eq. 5, besides its bias, in measuring g by s0, and so is scale-covariant.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("geoframe", on="points", chiral=True)
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(1000 * x0 + 5, x0=x0).detach()
        tensor([[-1.,  0.,  0.],
                [ 1.,  0.,  0.]])
        >>> eqnorm.contract_of(norm).equivariant_to.label
        'SE3'
    """

    looped = True

    def __init__(
        self, *, h_dim: int | None = None, chiral: bool = False, eps: float = 1e-3
    ) -> None:
        super().__init__(3, needs=("x0",) if h_dim is None else ("x0", "h"))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of the initial radius, got {eps}")
        self.h_dim = h_dim
        self.chiral = chiral
        self.looped = not chiral
        self.eps = eps
        count = 10 if chiral else 4
        self.gain = point_parameter(None, 1, 1.0)
        self.amplitude = nn.Parameter(torch.ones(count))
        self.coefficients = Coefficients(count, h_dim)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        coefficients = self.coefficients(h, x, self.amplitude)
        return points_frame.geo_frame(
            x, graph, x0, v, self.gain, coefficients, self.eps, self.chiral
        )

    def refine(self, spec: NormSpec) -> NormSpec:
        symmetry = spec.equivariant_to
        if self.chiral:
            symmetry &= ~Symmetry.REFLECTION
        needs = ("x0",) if self.h_dim is None else ("x0", "h")
        return dataclasses.replace(spec, equivariant_to=symmetry, needs=needs, optional=("v",))

"""GeoNorm with gain and bias predicted from invariant features."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import points
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.coefficients import Coefficients
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm


@register_norm(
    "geofilm",
    on="points",
    equivariant_to="E3",
    scope="graph",
    needs=("x0", "h"),
    periodic=False,
    source="this project; Meng et al. 2024 (GeoNorm), Eq. 5; FiLM: arXiv:1709.07871",
)
class GeoFiLM(Norm):
    """GeoNorm whose gain and bias each particle predicts from its features.

    F(x_i) = mu0 + s0 (g_i dir(x_i - mu) + b_i dir(mu - mu0)), with mu and mu0 the centres of
    the points (N, 3) and of the initial points, s0 the initial root mean square radius, dir(u) =
    u / sqrt(|u|^2 + (eps s0)^2), and

    g_i = g (1 + tanh(W LN(h_i) + w)_0), b_i = b tanh(W LN(h_i) + w)_1, W and w from 0, g and b
    learnable scalars from 1: a distance from the centre that a particle can remember, which the
    paper's shared g takes from it and its own g_i gives at the price of permutations.

    Equivariant to rotations, reflections and translations as GeoNorm, since g_i and b_i are
    invariant.

    Args:
        h_dim: number of invariant features C.
        eps: in units of s0.

    Departs from Eq. 5, besides g_i and b_i, in measuring both by s0, and so is scale-covariant.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("geofilm", on="points", h_dim=2)
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(1000 * x0, x0=x0, h=torch.ones(2, 2)).detach()
        tensor([[-1.,  0.,  0.],
                [ 1.,  0.,  0.]])
    """

    looped = True

    def __init__(self, *, h_dim: int, eps: float = 1e-3) -> None:
        super().__init__(3, needs=("x0", "h"))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of the initial radius, got {eps}")
        self.eps = eps
        self.gain = point_parameter(None, 1, 1.0)
        self.bias = point_parameter(None, 1, 1.0)
        self.coefficients = Coefficients(2, h_dim)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        film = self.coefficients(h, x, self.gain, around_one=1, more=self.bias)
        return points.geo_film(x, graph, x0, film, self.eps)

"""Root mean square normalisation of a whole system about its centre."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from eqnorm.functional import points
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import for_nodes, point_parameter
from eqnorm.registry import register_norm
from eqnorm.specs import NormSpec


@register_norm(
    "georms",
    on="points",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    periodic=False,
    source="this project (DESIGN, section 5); RMSNorm: Zhang & Sennrich 2019, arXiv:1910.07467",
    aliases=("geo_rmsnorm",),
)
class GeoRMSNorm(Norm):
    """A system scaled about its centre to its initial size.

    F(x_i) = mu + g s0 (x_i - mu) / sqrt(mean_j |x_j - mu|^2 + (eps s0)^2), with mu the centre
    of the points of a system (N, 3), s0 the root mean square radius of its initial points and g
    a learnable scalar. All points are divided by one length, so that, unlike in GeoNorm, which
    of them is near the centre and which far survives. The centre stays where it is.

    Equivariant to rotations, reflections and translations: x_i - mu turns with the system and
    does not see translations, the two lengths are invariant, and mu follows both.

    Args:
        per_particle: number of particles N for one g_i for each, which breaks permutation
            equivariance; None for one g, which keeps it and fits any size.
        eps: in units of s0.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("georms", on="points")
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(1000 * x0 + 5, x0=x0).detach()
        tensor([[4., 5., 5.],
                [6., 5., 5.]])
    """

    looped = True

    def __init__(self, *, per_particle: int | None = None, eps: float = 1e-3) -> None:
        super().__init__(3, needs=("x0",))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of the initial radius, got {eps}")
        self.per_particle = per_particle
        self.eps = eps
        self.gain = point_parameter(per_particle, 1, 1.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        gain = for_nodes(self.gain, self.per_particle, graph)
        return points.rms_norm(x, graph, x0, gain, self.eps)

    def refine(self, spec: NormSpec) -> NormSpec:
        return dataclasses.replace(spec, permutation=self.per_particle is None)

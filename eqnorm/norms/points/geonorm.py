"""GeoNorm: the normalisation layer of the GeoNorm paper."""

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
    "geonorm",
    on="points",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    periodic=False,
    source="Meng et al. 2024 (GeoNorm), Eq. 5 and Theorem 1",
    aliases=("gn",),
)
class GeoNorm(Norm):
    """Every point projected onto a sphere about the centre of its system.

    F(x_i) = g dir(x_i - mu) + b dir(mu - mu0) + mu0, with mu the centre of the points of a
    system, mu0 that of its initial points, g and b learnable scalars, and
    dir(u) = u / sqrt(|u|^2 + (eps s0)^2), s0 the initial root mean square radius.

    Equivariant to rotations, reflections and translations: x_i - mu and mu - mu0 turn with the
    system and do not see translations, which mu0 brings back (Theorem 1).

    Args:
        per_particle: number of particles N for the paper's g_i and b_i, which break permutation
            equivariance; None for one g and b, which keep it and fit any size.
        faithful: Eq. 5 as printed, with dir(u) = u/|u|.
        eps: in units of s0.

    Departs from Eq. 5 in its soft direction, unless ``faithful``: where the centre has hardly
    moved, mu - mu0 is rounding error, its unit vector points anywhere, and the rotation error is
    of order b *in float64 too*.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("geonorm", on="points")
        >>> x = torch.tensor([[9.0, 0.0, 0.0], [11.0, 0.0, 0.0]])
        >>> norm(x, x0=x).detach()
        tensor([[ 9.,  0.,  0.],
                [11.,  0.,  0.]])
    """

    looped = True

    def __init__(
        self,
        *,
        per_particle: int | None = None,
        faithful: bool = False,
        eps: float = 1e-3,
    ) -> None:
        super().__init__(3, needs=("x0",))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of the initial radius, got {eps}")
        self.per_particle = per_particle
        self.faithful = faithful
        self.looped = not faithful
        self.eps = eps
        self.gain = point_parameter(per_particle, 1, 1.0)
        self.bias = point_parameter(per_particle, 1, 0.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        gain = for_nodes(self.gain, self.per_particle, graph)
        bias = for_nodes(self.bias, self.per_particle, graph)
        if self.faithful:
            return points.geo_norm_as_printed(x, graph, x0, gain, bias)
        return points.geo_norm(x, graph, x0, gain, bias, self.eps)

    def refine(self, spec: NormSpec) -> NormSpec:
        notes = spec.notes
        if self.faithful:
            notes = (
                "Eq. 5 as printed is equivariant in exact arithmetic only: while |mu - mu0| is "
                "of the order of rounding error the bias term points anywhere (error up to 2b in "
                "any precision), and its gradient grows as 1/|mu - mu0|"
            )
        return dataclasses.replace(spec, permutation=self.per_particle is None, notes=notes)

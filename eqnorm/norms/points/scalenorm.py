"""Scale normalisation of coordinates: the second baseline of the GeoNorm paper."""

from __future__ import annotations

import dataclasses
from typing import Literal

from torch import Tensor

from eqnorm.functional import points
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import for_nodes, point_parameter
from eqnorm.registry import register_norm
from eqnorm.specs import NormSpec


@register_norm(
    "scalenorm",
    on="points",
    equivariant_to="O3",
    scope="node",
    periodic=False,
    source="Meng et al. 2024 (GeoNorm), Eq. 4 and Lemma 2",
    aliases=("sn",),
)
class PointScaleNorm(Norm):
    """Every point divided by its distance from the origin.

    F(x_i) = g x_i / sqrt(norm(x_i)^2 + eps^2), g a learnable scalar.

    Equivariant to rotations and reflections, since lengths are invariant; not to translations,
    since the origin is not a property of the system (Lemma 2).

    Args:
        norm: ``"l2"``, the Euclidean length, or ``"rms"``, the root mean square of the three
            coordinates, which is the length over sqrt(3).
        per_particle: number of particles N for the paper's g_i; None for one g.
        eps: in the unit of x.

    Departs from Eq. 4 in its eps, without which a point at the origin gives NaN.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("scalenorm", on="points")
        >>> norm(torch.tensor([[0.0, 3.0, 4.0]])).round(decimals=2)
        tensor([[0.0000, 0.6000, 0.8000]], grad_fn=<RoundBackward1>)
    """

    looped = True

    def __init__(
        self,
        *,
        norm: Literal["l2", "rms"] = "l2",
        per_particle: int | None = None,
        eps: float = 1e-3,
    ) -> None:
        super().__init__(3)
        if norm not in ("l2", "rms"):
            raise ValueError(f"norm must be 'l2' or 'rms', got {norm!r}")
        self.norm = norm
        if not eps >= 0:
            raise ValueError(f"eps must be zero or positive, in the unit of x, got {eps}")
        self.per_particle = per_particle
        self.eps = eps
        self.gain = point_parameter(per_particle, 1, 1.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        gain = for_nodes(self.gain, self.per_particle, graph)
        return points.scale_norm(x, graph, gain, self.eps, self.norm)

    def refine(self, spec: NormSpec) -> NormSpec:
        return dataclasses.replace(spec, permutation=self.per_particle is None)

"""The coordinate norm of MiDi."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from eqnorm.functional import points_models
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm
from eqnorm.specs import NormSpec
from eqnorm.symmetry import Symmetry


@register_norm(
    "midi",
    on="points",
    equivariant_to="O3",
    scope="graph",
    periodic=False,
    source="Vignac et al. 2023 (MiDi), arXiv:2302.09048; github.com/cvignac/MiDi, SE3Norm",
    aliases=("se3norm",),
    notes="translation-equivariant with keep_center=True only; MiDi keeps its centre at zero",
)
class SE3Norm(Norm):
    """All points of a system divided by their mean distance from the origin.

    F(x_i) = g x_i / (mean_j |x_j| + eps), with x (N, 3) and g a learnable scalar.

    Equivariant to rotations and reflections, since lengths are invariant; despite its name not
    to translations, since the origin is not a property of the system: MiDi subtracts the centre
    elsewhere. With ``keep_center`` to translations too.

    Args:
        keep_center: work on x - mu, mu the centre of the system, and add mu back.
        eps: in the unit of x.

    Departs from its source in eps, 1e-5 there, with which gradients overflow half precision
    where a system collapses.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("midi", on="points")
        >>> norm(torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])).detach().round(decimals=2)
        tensor([[0.5000, 0.0000, 0.0000],
                [1.5000, 0.0000, 0.0000]])
    """

    looped = True

    def __init__(self, *, keep_center: bool = False, eps: float = 1e-4) -> None:
        super().__init__(3)
        if not eps > 0:
            raise ValueError(f"eps must be positive, in the unit of x, got {eps}")
        self.keep_center = keep_center
        self.eps = eps
        self.gain = point_parameter(None, 1, 1.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return points_models.se3_norm(x, graph, self.gain, self.eps, self.keep_center)

    def refine(self, spec: NormSpec) -> NormSpec:
        if not self.keep_center:
            return spec
        return dataclasses.replace(spec, equivariant_to=Symmetry.E3, notes="")

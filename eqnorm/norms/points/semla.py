"""The coordinate norm of SemlaFlow."""

from __future__ import annotations

import dataclasses
from typing import Literal

from torch import Tensor

from eqnorm.functional import points_models
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm
from eqnorm.specs import NormSpec
from eqnorm.symmetry import Symmetry


@register_norm(
    "semla",
    on="points",
    equivariant_to="O3",
    scope="graph",
    periodic=False,
    source="Irwin et al. 2024 (SemlaFlow), arXiv:2406.07266; github.com/rssrwn/semla-flow",
    aliases=("coordnorm",),
    notes="translation-equivariant with keep_center=True only; else its output is centred at zero",
)
class CoordNorm(Norm):
    """All points of a system centred, and divided by their mean distance from the centre.

    F(x_i) = g (x_i - mu) / d, with mu the centre of the points (N, 3), g a learnable scalar, and
    by ``norm``: ``"length"`` d = mean_j |x_j - mu| + eps; ``"gvp"`` d = sqrt(|x_i - mu|^2 +
    eps^2), which keeps directions only; ``"none"`` d = 1.

    Equivariant to rotations and reflections. Translations it removes: F(x + t) = F(x), which is
    invariance, and no equivariance. With ``keep_center``, which adds mu, equivariant to all.

    Args:
        norm: what to divide by.
        keep_center: add mu back.
        eps: in the unit of x.

    Departs from its source, the class CoordNorm, in serving one set of coordinates; in the place
    of eps under ``"gvp"``, in the root, where its gradient is finite; and in its value, 1e-6
    there, with which gradients overflow half precision where a system collapses.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("semla", on="points")
        >>> norm(torch.tensor([[1.0, 0.0, 0.0], [5.0, 0.0, 0.0]])).detach().round(decimals=2)
        tensor([[-1.,  0.,  0.],
                [ 1.,  0.,  0.]])
    """

    looped = True

    def __init__(
        self,
        *,
        norm: Literal["length", "gvp", "none"] = "length",
        keep_center: bool = False,
        eps: float = 1e-4,
    ) -> None:
        super().__init__(3)
        if norm not in ("length", "gvp", "none"):
            raise ValueError(f"norm must be 'length', 'gvp' or 'none', got {norm!r}")
        if not eps > 0:
            raise ValueError(f"eps must be positive, in the unit of x, got {eps}")
        self.norm = norm
        self.keep_center = keep_center
        self.eps = eps
        self.gain = point_parameter(None, 1, 1.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return points_models.coord_norm(x, graph, self.gain, self.eps, self.norm, self.keep_center)

    def refine(self, spec: NormSpec) -> NormSpec:
        if not self.keep_center:
            return spec
        return dataclasses.replace(spec, equivariant_to=Symmetry.E3, notes="")

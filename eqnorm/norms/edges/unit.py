"""Relative vectors of unit length."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import edges
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.registry import register_norm


@register_norm(
    "unit",
    on="1o",
    equivariant_to="O3",
    scope="node",
    source="Satorras et al. 2021 (EGNN), arXiv:2102.09844, normalize option of the official code",
    aliases=("unit_vector",),
)
class UnitVector(Norm):
    """The direction of each relative vector.

    F(d_ij) = d_ij / sqrt(|d_ij|^2 + eps^2), with d_ij = x_i - x_j (E, 3).

    Equivariant to rotations and reflections, since lengths are invariant; relative vectors do
    not see translations.

    Args:
        eps: in the unit of d. Shorter vectors fade to zero.

    Departs from |d| + eps in the denominator, whose gradient at zero is NaN. No scale of the
    system is at hand on an edge, so choose eps well below the distances that matter.

    Example:
        >>> import torch, eqnorm
        >>> eqnorm.create_norm("unit", on="1o")(torch.tensor([[0.0, 3.0, 4.0]]))
        tensor([[0.0000, 0.6000, 0.8000]])
    """

    def __init__(self, *, eps: float = 1e-4) -> None:
        super().__init__(3)
        if not eps > 0:
            raise ValueError(f"eps must be positive, in the unit of x, got {eps}")
        self.eps = eps

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return edges.unit(x, self.eps)

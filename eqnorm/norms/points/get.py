"""The coordinate norm of GET."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import points_models
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm


@register_norm(
    "get",
    on="points",
    equivariant_to="E3",
    scope="graph",
    periodic=False,
    source="Kong et al. 2024 (GET), arXiv:2306.01474; github.com/THUNLP-MT/GET",
    aliases=("equivariant_layernorm",),
)
class GETLayerNorm(Norm):
    """A system scaled about its centre to unit variance of its coordinates.

    F(x_i) = mu + g (x_i - mu) / sqrt(sum_j |x_j - mu|^2 / (3n - 1) + eps^2), with mu the centre
    of the n points of a system, (N, 3) in all, and g a learnable scalar: the variance over all
    3n coordinates, with Bessel's correction.

    Equivariant to rotations, reflections and translations: the variance of all coordinates
    together is a mean square length, and so invariant, and mu is kept.

    Args:
        eps: in the unit of x.

    Departs from its source, the class EquivariantLayerNorm, in eps, without which a system of
    coincident points gives NaN; in serving one channel; and in leaving the features alone, which
    GET tells of the scale that was divided out.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("get", on="points")
        >>> norm(torch.tensor([[1.0, 0.0, 0.0], [5.0, 0.0, 0.0]])).detach().round(decimals=2)
        tensor([[1.4200, 0.0000, 0.0000],
                [4.5800, 0.0000, 0.0000]])
    """

    looped = True

    def __init__(self, *, eps: float = 1e-3) -> None:
        super().__init__(3)
        if not eps > 0:
            raise ValueError(f"eps must be positive, in the unit of x, got {eps}")
        self.eps = eps
        self.gain = point_parameter(None, 1, 1.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return points_models.standardise(x, graph, self.gain, self.eps)

"""Layer normalisation of coordinates: the first baseline of the GeoNorm paper."""

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
    "layernorm",
    on="points",
    equivariant_to=None,
    scope="node",
    periodic=False,
    source="Meng et al. 2024 (GeoNorm), Eq. 3 and Lemma 1; Ba et al. 2016, arXiv:1607.06450",
    aliases=("ln",),
)
class PointLayerNorm(Norm):
    """LayerNorm over the three coordinates of each point.

    F(x_i) = g (x_i - m_i) / sqrt(var_i + eps^2) + b, where m_i and var_i are mean and variance
    of the three numbers of x_i, g a learnable scalar and b a learnable vector.

    Equivariant to neither rotations nor translations (Lemma 1): m_i and var_i depend on the
    axes. It is here as the baseline that shows what breaking the symmetry costs.

    Args:
        per_particle: number of particles N for the paper's g_i and b_i, one for each particle;
            None for one g and b, which keeps permutation equivariance and fits any size.
        eps: in the unit of x.

    Departs from Eq. 3 in its eps, without which a point on the diagonal gives infinity.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("layernorm", on="points")
        >>> norm(torch.tensor([[1.0, 2.0, 3.0]])).round(decimals=2)
        tensor([[-1.2200,  0.0000,  1.2200]], grad_fn=<RoundBackward1>)
    """

    looped = True

    def __init__(self, *, per_particle: int | None = None, eps: float = 1e-3) -> None:
        super().__init__(3)
        if not eps >= 0:
            raise ValueError(f"eps must be zero or positive, in the unit of x, got {eps}")
        self.per_particle = per_particle
        self.eps = eps
        self.gain = point_parameter(per_particle, 1, 1.0)
        self.bias = point_parameter(per_particle, 3, 0.0)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        gain = for_nodes(self.gain, self.per_particle, graph)
        bias = for_nodes(self.bias, self.per_particle, graph)
        return points.layer_norm(x, graph, gain, bias, self.eps)

    def refine(self, spec: NormSpec) -> NormSpec:
        return dataclasses.replace(spec, permutation=self.per_particle is None)

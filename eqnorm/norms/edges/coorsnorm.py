"""The relative vectors of egnn-pytorch."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import edges
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm


@register_norm(
    "coorsnorm",
    on="1o",
    equivariant_to="O3",
    scope="node",
    source="github.com/lucidrains/egnn-pytorch, CoorsNorm; after Fuchs et al., arXiv:2006.10503",
    aliases=("coors_norm",),
)
class CoorsNorm(Norm):
    """Relative vectors of one learnable length.

    F(d_ij) = g d_ij / sqrt(|d_ij|^2 + eps^2), with d_ij = x_i - x_j (E, 3) and g a learnable
    scalar.

    Equivariant to rotations and reflections, since lengths are invariant; relative vectors do
    not see translations.

    Args:
        scale: the value g starts from; 0.01 is that of egnn-pytorch's layers.
        eps: in the unit of d. Shorter vectors fade to zero.

    Departs from its source, d / max(|d|, 1e-8), in a gradient of at most g/eps instead of 1e8 g.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("coorsnorm", on="1o", scale=2.0)
        >>> norm(torch.tensor([[0.0, 3.0, 4.0]])).detach()
        tensor([[0.0000, 1.2000, 1.6000]])
    """

    def __init__(self, *, scale: float = 1e-2, eps: float = 1e-4) -> None:
        super().__init__(3)
        if not eps > 0:
            raise ValueError(f"eps must be positive, in the unit of x, got {eps}")
        self.eps = eps
        self.gain = point_parameter(None, 1, float(scale))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return edges.scaled_unit(x, self.gain, self.eps)

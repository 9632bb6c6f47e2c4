"""Scale normalisation of irreps features: one gain for everything."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional import irreps as functional
from eqnorm.norms.irreps.base import RowNorm
from eqnorm.registry import register_norm


@register_norm(
    "scalenorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Nguyen & Salazar 2019 (ScaleNorm), arXiv:1910.05895, Eq. 5",
    aliases=("sn",),
)
class IrrepsScaleNorm(RowNorm):
    r"""All features of a node projected onto one sphere of learnable radius.

    y = g x / sqrt(\\|x\\|^2 + D eps), x the D numbers of a node and g one learnable scalar, sqrt(D)
    at first.

    Equivariant to rotations and reflections, which keep the length of x.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: in units of the mean square of a component.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    Departs from the source in its eps, which replaces max(\\|x\\|, eps). It is ``rmsnorm`` with one
    gain in place of K weights.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("scalenorm", on="1x0e+1x1o", eps=1e-8)
        >>> norm(torch.tensor([[1.0, 1.0, 1.0, -1.0]])).detach()
        tensor([[ 1.0000,  1.0000,  1.0000, -1.0000]])
    """

    def __init__(
        self, irreps: str, *, eps: float = 1e-5, layout: functional.Order = "mul_ir"
    ) -> None:
        super().__init__(irreps, eps=eps, affine=False, layout=layout)
        self.gain = nn.Parameter(torch.full((), float(self.dim) ** 0.5))
        self.rows = functional.rms_rows(self.layout, self.eps)

    def affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        gain = self.gain.to(x.dtype) / self.dim**0.5
        return gain.expand(self.layout.num_copies), x.new_zeros(self.layout.num_scalars)

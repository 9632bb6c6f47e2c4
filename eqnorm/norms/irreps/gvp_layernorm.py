"""The layer normalisation of geometric vector perceptrons."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional import irreps as functional
from eqnorm.norms.irreps.base import RowNorm
from eqnorm.registry import register_norm


@register_norm(
    "gvp_layernorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Jing et al. 2021 (GVP), arXiv:2009.01411, Sec. 3.2",
    aliases=("gvp",),
)
class GVPLayerNorm(RowNorm):
    r"""LayerNorm of the scalars; vectors divided by their root mean square length.

    0e: y_k = w_k (x_k - m) / sqrt(s + eps) + b_k, m and s mean and variance over the copies.
    All else: y_k = x_k / sqrt(v + vector_eps), v the mean of \\|x_k\\|^2 over the copies of that
    kind of irrep; no parameters.

    Equivariant to rotations and reflections: s and v are made of even scalars and lengths.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to s.
        vector_eps: added to v.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    GVP has 0e and 1o only; here every kind of irrep is treated as its vectors are. Departs in
    adding ``vector_eps`` where GVP clamps each squared length to it from below, which makes
    all-zero vectors stay zero in either but has no kink.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("gvp_layernorm", on="2x0e+1x1o", eps=1e-8)
        >>> norm(torch.tensor([[1.0, 3.0, 0.0, 3.0, 4.0]])).detach().round(decimals=3)
        tensor([[-1.0000,  1.0000,  0.0000,  0.6000,  0.8000]])
    """

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        vector_eps: float = 1e-8,
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, layout=layout)
        if not vector_eps > 0:
            raise ValueError(f"vector_eps must be positive, in units of |x|^2, got {vector_eps}")
        self.weight = nn.Parameter(torch.ones(self.layout.num_scalars))
        self.rows = functional.gvp_rows(self.layout, self.eps, vector_eps)

    def affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weight, bias = self.weight, self.bias
        assert weight is not None
        assert bias is not None
        return self.layout.scalars_to_copies(weight.to(x.dtype), 1.0), bias.to(x.dtype)

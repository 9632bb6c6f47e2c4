"""Root mean square normalisation in which every degree weighs the same."""

from __future__ import annotations

from eqnorm.functional import irreps as functional
from eqnorm.norms.irreps.base import RowNorm
from eqnorm.registry import register_norm


@register_norm(
    "degree_balanced_rmsnorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Liao et al. 2023 (EquiformerV2), arXiv:2306.12059, official code",
    aliases=("rms_norm_sh",),
)
class DegreeBalancedRMSNorm(RowNorm):
    r"""All features of a node divided by one root mean square, balanced over the degrees.

    y_k = w_k (x_k - m) / sqrt(v + eps) + b_k, v the mean over the kinds of irrep of their mean
    square, which is that over the C copies of \\|x_k - m\\|^2 / (2l+1). For 0e, m is the mean over
    the copies and b a learnable bias; for all else both are 0.

    Equivariant to rotations and reflections: v is made of even scalars and lengths.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        affine: with weights w (K,) and biases b (K0,).
        centered: whether the mean is taken from the even scalars, and the bias added.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is ``torch.nn.LayerNorm``; without ``centered``, ``torch.nn.RMSNorm``.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("degree_balanced_rmsnorm", on="2x0e+1x1o", eps=1e-8)
        >>> norm(torch.tensor([[1.0, 3.0, 0.0, 3.0, 4.0]])).detach().round(decimals=3)
        tensor([[-0.4630,  0.4630,  0.0000,  1.3890,  1.8520]])
    """

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        centered: bool = True,
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, affine=affine, bias=centered, layout=layout)
        self.rows = functional.degree_balanced_rows(self.layout, self.eps, centered)

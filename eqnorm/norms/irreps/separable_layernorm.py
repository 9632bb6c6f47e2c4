"""Layer normalisation of scalars and of all higher degrees, each by itself."""

from __future__ import annotations

from eqnorm.functional import irreps as functional
from eqnorm.norms.irreps.base import RowNorm
from eqnorm.registry import register_norm


@register_norm(
    "separable_layernorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Liao et al. 2023 (EquiformerV2), arXiv:2306.12059, Sec. 4.3",
    aliases=("layer_norm_sh",),
)
class SeparableLayerNorm(RowNorm):
    r"""LayerNorm of the even scalars, and one common scale for everything else of a node.

    0e: y_k = w_k (x_k - m) / sqrt(s + eps) + b_k, m and s mean and variance over the copies.
    All else: y_k = w_k x_k / sqrt(v + eps), v the mean over the kinds of irrep of their mean
    square, which is that over the C copies of \\|x_k\\|^2 / (2l+1).

    Equivariant to rotations and reflections: s and v are made of even scalars and lengths. The
    relative sizes of the degrees survive, which ``layernorm`` sets equal.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to s and v.
        affine: with weights w (K,) and biases b (K0,).
        bias: whether ``affine`` includes the bias.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is ``torch.nn.LayerNorm``. EquiformerV2 has no parity; here 0o is scaled with
    the higher degrees.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("separable_layernorm", on="2x0e+1x1o", eps=1e-8)
        >>> norm(torch.tensor([[1.0, 3.0, 0.0, 3.0, 4.0]])).detach().round(decimals=3)
        tensor([[-1.0000,  1.0000,  0.0000,  1.0390,  1.3860]])
    """

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, affine=affine, bias=bias, layout=layout)
        self.rows = functional.separable_rows(self.layout, self.eps)

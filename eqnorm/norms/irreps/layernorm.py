"""Layer normalisation of irreps features, degree by degree."""

from __future__ import annotations

from eqnorm.functional import irreps as functional
from eqnorm.norms.irreps.base import RowNorm, check_choice
from eqnorm.registry import register_norm


@register_norm(
    "layernorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Liao et al. 2023 (EquiformerV2), arXiv:2306.12059, Sec. 4.3; Ba et al. 2016, "
    "arXiv:1607.06450",
    aliases=("ln",),
)
class IrrepsLayerNorm(RowNorm):
    r"""LayerNorm for every kind of irrep of a node's features.

    y_k = w_k (x_k - m) / sqrt(v + eps) + b_k for the C copies x_k of one irrep (degree l and
    parity): v = 1/C sum_k \\|x_k - m\\|^2 / (2l+1). For 0e, m is the mean over the copies and b a
    learnable bias; for all else both are 0.

    Equivariant to rotations and reflections: lengths and even scalars are invariant, and all
    components of a copy are multiplied by one invariant number.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        affine: with weights w (K,) and biases b (K0,).
        bias: whether ``affine`` includes the bias.
        normalization: ``"component"``; or ``"norm"``, without the division by 2l+1.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is ``torch.nn.LayerNorm``. Departs from EquiformerV2 in going by parity too.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("layernorm", on="2x0e+1x1o", eps=1e-8)
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
        normalization: functional.Normalization = "component",
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, affine=affine, bias=bias, layout=layout)
        check_choice("normalization", normalization, ("component", "norm"))
        self.rows = functional.layer_rows(self.layout, self.eps, normalization)

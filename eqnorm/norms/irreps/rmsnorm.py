"""Root mean square normalisation of irreps features."""

from __future__ import annotations

from eqnorm.functional import irreps as functional
from eqnorm.norms.irreps.base import RowNorm
from eqnorm.registry import register_norm


@register_norm(
    "rmsnorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Liao et al. 2023 (EquiformerV2), arXiv:2306.12059; Zhang & Sennrich 2019, "
    "arXiv:1910.07467, Eq. 4",
    aliases=("rms",),
)
class IrrepsRMSNorm(RowNorm):
    """All features of a node divided by their common root mean square.

    y_k = w_k x_k / sqrt(v + eps), v the mean square of all D numbers of the node.

    Equivariant to rotations and reflections: v is a sum of squared lengths.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        affine: with weights w, shape (K,).
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is ``torch.nn.RMSNorm``. High degrees have more components and so weigh
    more in v: ``degree_balanced_rmsnorm`` gives each kind of irrep the same weight.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("rmsnorm", on="1x0e+1x1o", eps=1e-8)
        >>> norm(torch.tensor([[1.0, 0.0, 3.0, 4.0]])).detach().round(decimals=3)
        tensor([[0.3920, 0.0000, 1.1770, 1.5690]])
    """

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, affine=affine, bias=False, layout=layout)
        self.rows = functional.rms_rows(self.layout, self.eps)

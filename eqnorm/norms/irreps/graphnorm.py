"""GraphNorm of irreps features: instance normalisation that learns how much mean to remove."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph
from eqnorm.norms.irreps.base import IrrepsNorm
from eqnorm.registry import register_norm


@register_norm(
    "graphnorm",
    on="irreps",
    equivariant_to="O3",
    scope="graph",
    source="Cai et al. 2021 (GraphNorm), arXiv:2009.03294, Sec. 3.2",
)
class IrrepsGraphNorm(IrrepsNorm):
    r"""Instance normalisation whose shift of the mean is learnt, scalar by scalar.

    y_k = w_k (x_k - a_k m_k) / sqrt(v_k + eps) + b_k over the nodes of a graph: v_k is the mean
    of \\|x_k - a_k m_k\\|^2 / (2l+1). For 0e, m_k is the mean, a_k a learnable share of it (1 at
    first) and b_k a learnable bias; for all else all three are 0.

    Equivariant to rotations and reflections: all statistics are invariant.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is PyTorch Geometric's ``GraphNorm``, with the same names in the state dict.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("graphnorm", on="1x0e", eps=1e-8)
        >>> _ = norm.mean_scale.data.zero_()
        >>> norm(torch.tensor([[3.0], [4.0], [5.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [0.849, 1.131, 1.0]
    """

    def __init__(
        self, irreps: str, *, eps: float = 1e-5, layout: functional.Order = "mul_ir"
    ) -> None:
        super().__init__(irreps, eps=eps, layout=layout)
        self.mean_scale = nn.Parameter(torch.ones(self.layout.num_scalars))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        how = functional.Columns(self.layout, graph, True, self.eps)
        shift = self.mean_scale.to(x.dtype)
        return functional.column_norm(x, *self.affine(x), shift, how)[0]

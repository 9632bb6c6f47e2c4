"""Instance normalisation of irreps features: statistics of each graph."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph
from eqnorm.norms.irreps.base import IrrepsNorm, check_choice
from eqnorm.registry import register_norm


@register_norm(
    "instancenorm",
    on="irreps",
    equivariant_to="O3",
    scope="graph",
    source="Brandstetter et al. 2022 (SEGNN), arXiv:2110.02905, official code; Ulyanov et al. "
    "2016, arXiv:1607.08022",
    aliases=("in",),
)
class IrrepsInstanceNorm(IrrepsNorm):
    r"""BatchNorm with the statistics of each graph by itself, in training and evaluation.

    y_k = w_k (x_k - m_k) / sqrt(v_k + eps) + b_k over the nodes of a graph: v_k is the mean of
    \\|x_k - m_k\\|^2 / (2l+1). For 0e, m_k is the mean and b_k a learnable bias; for all else both
    are 0.

    Equivariant to rotations and reflections: all statistics are invariant.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        affine: with weights w (K,) and biases b (K0,).
        bias: whether ``affine`` includes the bias.
        normalization: ``"component"``; or ``"norm"``, without the division by 2l+1.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    The numbers are those of ``e3nn.nn.BatchNorm(instance=True)``, and for 0e alone of PyTorch
    Geometric's ``InstanceNorm``. Departs from SEGNN, which also centres 0o and gives it a bias:
    the bias breaks reflections. The 0e of a graph of one node become b.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("instancenorm", on="1x0e", eps=1e-8)
        >>> norm(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [-1.0, 1.0, 0.0]
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
        self.normalization = normalization

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        component = self.normalization == "component"
        how = functional.Columns(self.layout, graph, component, self.eps)
        return functional.column_norm(x, *self.affine(x), None, how)[0]

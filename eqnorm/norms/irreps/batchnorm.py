"""Batch normalisation of irreps features."""

from __future__ import annotations

import torch
from torch import Tensor

from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph
from eqnorm.norms.irreps.base import IrrepsNorm, check_choice
from eqnorm.registry import register_norm


@register_norm(
    "batchnorm",
    on="irreps",
    equivariant_to="O3",
    scope="batch",
    source="Geiger & Smidt 2022 (e3nn), arXiv:2207.09453; Ioffe & Szegedy 2015, arXiv:1502.03167",
    aliases=("bn",),
)
class IrrepsBatchNorm(IrrepsNorm):
    r"""BatchNorm for every copy of an irrep, with running statistics.

    y_k = w_k (x_k - m_k) / sqrt(v_k + eps) + b_k over all nodes of the batch: v_k is the mean of
    \\|x_k - m_k\\|^2 / (2l+1). For 0e, m_k is the mean and b_k a learnable bias; for all else both
    are 0. In training mode statistics are the batch's and the running ones follow with
    ``momentum``; in evaluation mode they are the running ones.

    Equivariant to rotations and reflections if the whole batch turns alike; the statistics are
    invariant, so that a fixed model turns each system by itself.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        momentum: weight of a new batch in the running statistics, 0 to 1.
        affine: with weights w (K,) and biases b (K0,).
        bias: whether ``affine`` includes the bias.
        normalization: ``"component"``; or ``"norm"``, without the division by 2l+1.
        unbiased: keep the running variance as torch does, with N/(N-1); e3nn does not.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    The numbers are those of ``e3nn.nn.BatchNorm``, and so are names and shapes in the state
    dict: either loads the other's. For 0e alone they are torch's. Padded nodes do not count.
    In distributed training the batch is that of all processes, as in torch's SyncBatchNorm.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("batchnorm", on="1x0e+1x1o", eps=1e-8)
        >>> x = torch.tensor([[1.0, 0.0, 3.0, 0.0], [3.0, 0.0, 0.0, 3.0]])
        >>> norm(x).detach().round(decimals=3)
        tensor([[-1.0000,  0.0000,  1.7320,  0.0000],
                [ 1.0000,  0.0000,  0.0000,  1.7320]])
        >>> norm.running_mean
        tensor([0.2000])
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        bias: bool = True,
        normalization: functional.Normalization = "component",
        unbiased: bool = False,
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, affine=affine, bias=bias, layout=layout)
        check_choice("normalization", normalization, ("component", "norm"))
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie between 0 and 1, got {momentum}")
        self.momentum = float(momentum)
        self.normalization = normalization
        self.unbiased = unbiased
        self.register_buffer("running_mean", torch.zeros(self.layout.num_scalars))
        self.register_buffer("running_var", torch.ones(self.layout.num_copies))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        weight, bias = self.affine(x)
        if not self.training:
            mean, var = self.running_mean.to(x.dtype), self.running_var.to(x.dtype)
            return functional.fixed_norm(x, self.layout, mean, var, weight, bias, self.eps)
        batch = functional.whole_batch(graph)
        component = self.normalization == "component"
        ranks = functional.graph_of_ranks(batch)
        how = functional.Columns(self.layout, batch, component, self.eps, ranks)
        y, mean, var = functional.column_norm(x, weight, bias, None, how)
        if self.unbiased:
            counts = (ranks or batch).counts
            var = var * (counts / (counts - 1).clamp(min=1)).to(var.dtype)
        self.running_mean.lerp_(mean[0].to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(var[0].to(self.running_var.dtype), self.momentum)
        return y

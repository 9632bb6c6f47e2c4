"""The batch normalisation of vector neurons."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph
from eqnorm.norms.irreps.base import IrrepsNorm, check_choice
from eqnorm.registry import register_norm


@register_norm(
    "vn_batchnorm",
    on="irreps",
    equivariant_to="O3",
    scope="batch",
    source="Deng et al. 2021 (Vector Neurons), arXiv:2104.12229, Sec. 3.4",
    aliases=("vnbn",),
)
class VNBatchNorm(IrrepsNorm):
    r"""Directions kept, lengths replaced by their BatchNorm.

    y_k = x_k / n_k f(w_k (n_k - m_k) / sqrt(v_k + eps) + b_k), with n_k the length of x_k, and
    m_k and v_k mean and variance of n_k over all nodes of the batch in training mode, the running
    ones in evaluation mode. Even scalars: y = BN(x), with their sign.

    Equivariant to rotations and reflections: n is invariant, so that its BatchNorm may have a
    bias on every degree.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to v.
        momentum: weight of a new batch in the running statistics, 0 to 1.
        length_eps: in the unit of x, below which lengths are not resolved.
        activation: f. ``"identity"``, as in the source, turns features round that are shorter
            than the mean; ``"softplus"`` keeps their direction, and starts with f = 1 there.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is ``torch.nn.BatchNorm1d``, running variance included. The running
    statistics take part as torch's do; n_k is sqrt(\\|x_k\\|^2 + length_eps^2) + length_eps, smooth
    at zero, where the source has \\|x_k\\| + length_eps. In distributed training the batch is that
    of all processes, as in torch's SyncBatchNorm.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("vn_batchnorm", on="1x1o", eps=1e-8)
        >>> norm(torch.tensor([[2.0, 2.0, 1.0], [4.0, 4.0, 2.0]])).detach().round(decimals=3)
        tensor([[-0.6670, -0.6670, -0.3330],
                [ 0.6670,  0.6670,  0.3330]])
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        length_eps: float = 1e-6,
        activation: functional.Activation = "identity",
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, bias=False, layout=layout)
        check_choice("activation", activation, ("softplus", "relu", "identity"))
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie between 0 and 1, got {momentum}")
        if not length_eps > 0:
            raise ValueError(f"length_eps must be positive, in the unit of x, got {length_eps}")
        self.momentum = float(momentum)
        self.length_eps = float(length_eps)
        self.activation: functional.Activation = activation
        start = torch.zeros(self.layout.num_copies)
        if activation == "softplus":
            start.fill_(math.log(math.e - 1))
            start.index_fill_(0, self.layout.scalar_copies, 0.0)
        self.bias = nn.Parameter(start)
        self.register_buffer("running_mean", torch.zeros(self.layout.num_copies))
        self.register_buffer("running_var", torch.ones(self.layout.num_copies))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        batch = functional.whole_batch(graph)
        running = ranks = None
        if self.training:
            ranks = functional.graph_of_ranks(batch)
        else:
            running = (self.running_mean.to(x.dtype), self.running_var.to(x.dtype))
        y, mean, var = functional.vn_batch_norm(
            x,
            self.layout,
            *self.affine(x),
            self.eps,
            self.length_eps,
            ranks or batch,
            running,
            self.activation,
        )
        if self.training:
            counts = (ranks or batch).counts
            var = var * (counts / (counts - 1).clamp(min=1)).to(var.dtype)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)
        return y

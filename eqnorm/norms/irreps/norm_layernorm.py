"""Layer normalisation of the lengths of irreps features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph
from eqnorm.norms.irreps.base import IrrepsNorm, check_choice
from eqnorm.registry import register_norm


@register_norm(
    "norm_layernorm",
    on="irreps",
    equivariant_to="O3",
    scope="node",
    source="Fuchs et al. 2020 (SE(3)-Transformer), arXiv:2006.10503, Sec. 3.2, NVIDIA's code",
    aliases=("norm_se3",),
)
class NormLayerNorm(IrrepsNorm):
    r"""Directions kept, lengths replaced by a function of their LayerNorm.

    y_k = x_k / n_k f(w_k (n_k - m) / sqrt(s + eps) + b_k), with n_k = sqrt(\\|x_k\\|^2 +
    length_eps^2), and m and s mean and variance of n over a node's copies of that kind of irrep.
    Even scalars: y = LN(x), with their sign.

    Equivariant to rotations and reflections: n is invariant, so that its LayerNorm may have a
    bias on every degree.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: added to s.
        length_eps: in the unit of x, below which lengths are not resolved.
        activation: f. ``"softplus"``, with b such that f = 1 at the mean at first;
            ``"relu"``, as in the source; ``"identity"``, which flips features shorter than the
            mean.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    For 0e alone it is ``torch.nn.LayerNorm``. Departs in the activation: relu sets about half of
    the features to zero, without gradient, and all of them where an irrep has a single copy, and
    the identity turns them round. Even scalars are normalised with their sign, where the source
    takes their absolute values for lengths. Lengths are smoothed at zero, where those of the
    source are clamped.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("norm_layernorm", on="1x1o")
        >>> norm(torch.tensor([[0.0, 30.0, 40.0]])).detach().round(decimals=3)
        tensor([[0.0000, 0.6000, 0.8000]])
    """

    def __init__(
        self,
        irreps: str,
        *,
        eps: float = 1e-5,
        length_eps: float = 1e-4,
        activation: functional.Activation = "softplus",
        layout: functional.Order = "mul_ir",
    ) -> None:
        super().__init__(irreps, eps=eps, bias=False, layout=layout)
        check_choice("activation", activation, ("softplus", "relu", "identity"))
        if not length_eps > 0:
            raise ValueError(f"length_eps must be positive, in the unit of x, got {length_eps}")
        self.length_eps = float(length_eps)
        self.activation: functional.Activation = activation
        start = torch.full((self.layout.num_copies,), math.log(math.e - 1))
        if activation != "softplus":
            start = torch.zeros_like(start)
        start.index_fill_(0, self.layout.scalar_copies, 0.0)
        self.bias = nn.Parameter(start)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        weight, bias = self.affine(x)
        return functional.norm_layer_norm(
            x, self.layout, weight, bias, self.eps, self.length_eps, self.activation
        )

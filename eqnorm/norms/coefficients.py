"""Coefficients of a norm, predicted from invariant features or learned as constants."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional._points.film import Film, shifted


class Coefficients(nn.Module):
    """K bounded coefficients: tanh(W LN(h_i) + b), or tanh(b) without features.

    W and b start from zero, and so do the coefficients: a norm begins without them. The bias is
    there because LN of a single feature is zero, and a W alone would never learn.

    Args:
        count: K.
        h_dim: number of invariant features C, or None for constants.
    """

    def __init__(self, count: int, h_dim: int | None) -> None:
        super().__init__()
        if h_dim is not None and (not isinstance(h_dim, int) or h_dim < 1):
            raise ValueError(
                f"h_dim must be the number of invariant features h, at least 1, got {h_dim!r}"
            )
        self.h_dim = h_dim
        self.norm = None if h_dim is None else nn.LayerNorm(h_dim)
        self.weight = None if h_dim is None else nn.Parameter(torch.zeros(count, h_dim))
        self.bias = nn.Parameter(torch.zeros(count))

    def forward(
        self,
        h: Tensor | None,
        like: Tensor,
        amplitude: Tensor,
        around_one: int = 0,
        more: Tensor | None = None,
    ) -> Tensor | Film:
        """A_k times coefficient k: (1, K) if they are constants, else what predicts (N, K).

        Args:
            h: invariant features, shape (N, C).
            like: a tensor of the dtype to compute in.
            amplitude: A, K numbers of any shape, the last in ``more`` if that is given.
            around_one: to how many of them, the first ones, 1 is added before.
            more: see ``amplitude``; only with features.

        Raises:
            ValueError: h is missing or has another number of features than ``h_dim``.
        """
        if self.norm is None or self.weight is None:
            bounded = self.bias.to(like.dtype).unsqueeze(0).tanh()
            return amplitude * shifted(bounded, around_one)
        if h is None:
            raise ValueError(
                f"this norm was built with h_dim={self.h_dim} and needs h: call it as "
                "norm(x, graph, h=...), or build it without h_dim"
            )
        if h.shape[1] != self.h_dim:
            raise ValueError(
                f"h has {h.shape[1]} features but this norm was built with h_dim={self.h_dim}; "
                f"build it with h_dim={h.shape[1]}"
            )
        norm = self.norm
        found: tuple[Tensor, Tensor, Tensor, Tensor]
        found = (self.weight, self.bias, norm.weight, norm.bias)
        if found[0].dtype != like.dtype:  # in half precision
            weight, bias, scale, shift = (p.to(like.dtype) for p in found)
            found = (weight, bias, scale, shift)
        return Film(h, *found, amplitude, around_one, norm.eps, more)

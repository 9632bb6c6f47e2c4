"""Coefficients that are predicted from features, as what they are made of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Film(NamedTuple):
    """A_k tanh(W LN(h_i) + b)_k, or A_k (1 + tanh(...)_k), shape (N, K), not yet computed.

    Attributes:
        h: invariant features, shape (N, C).
        weight: W, shape (K, C).
        bias: b, shape (K,).
        scale: of LN, shape (C,).
        shift: of LN, shape (C,).
        amplitude: A, K numbers of any shape, the last in ``more`` if there is one.
        around_one: how many of them, the first ones, have the 1.
        eps: of LN.
        more: the last number of A as a parameter of its own: joining two takes time.
    """

    h: Tensor
    weight: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor
    amplitude: Tensor
    around_one: int
    eps: float
    more: Tensor | None = None

    def coefficients(self) -> Tensor:
        """They, by torch operations."""
        centred = F.layer_norm(self.h, (self.h.shape[1],), self.scale, self.shift, self.eps)
        bounded = F.linear(centred, self.weight, self.bias).tanh()
        amplitude = self.amplitude.reshape(-1)
        if self.more is not None:
            amplitude = torch.cat([amplitude, self.more.reshape(-1)])
        return amplitude * shifted(bounded, self.around_one)

    def tensors(self) -> tuple[Tensor | None, ...]:
        """What is differentiated."""
        return (*self[:6], self.more)


def shifted(bounded: Tensor, around_one: int) -> Tensor:
    """1 added to the first columns."""
    rest = bounded.shape[1] - around_one
    if not around_one:
        return bounded
    if not rest:
        return 1 + bounded
    first, last = torch.split(bounded, [around_one, rest], 1)
    return torch.cat([1 + first, last], 1)

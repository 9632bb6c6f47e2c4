"""Dividing by lengths, safely: finite values and gradients whatever the input."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_unit(u: Tensor, floor_sq: Tensor | float) -> Tensor:
    """U / sqrt(|u|^2 + floor^2): a direction that fades to zero below ``floor``.

    Exactly equivariant; its gradient is at most 1/floor, where |u| -> 0 makes that of u/|u|
    infinite.

    Args:
        u: vectors, shape (..., D).
        floor_sq: floor^2 > 0, broadcast to (..., 1), in the squared unit of ``u``.
    """
    return u * (u.square().sum(-1, keepdim=True) + floor_sq).rsqrt()


def exact_unit(u: Tensor) -> Tensor:
    """U / |u| as printed in papers; zero, with zero gradient, where u is exactly zero."""
    square = u.square().sum(-1, keepdim=True)
    zero = square == 0
    return torch.where(zero, 0.0, u * torch.where(zero, 1.0, square).rsqrt())


def positive_scale_sq(square: Tensor) -> Tensor:
    """A squared scale to measure epsilons by; 1 where the system has no extent at all.

    Args:
        square: squared scale, >= 0.
    """
    tiny = torch.finfo(square.dtype).tiny ** 0.5
    return torch.where(square > tiny, square, 1.0)

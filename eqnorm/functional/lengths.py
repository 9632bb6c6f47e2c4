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
    # In units of its largest entry, which cancels: squares of small numbers underflow.
    largest = u.detach().abs().amax(-1, keepdim=True)
    zero = largest == 0
    w = u / torch.where(zero, 1.0, largest)
    square = w.square().sum(-1, keepdim=True)
    return torch.where(zero, 0.0, w * torch.where(zero, 1.0, square).rsqrt())


def positive_scale_sq(square: Tensor) -> Tensor:
    """A squared scale to measure epsilons by; 1 where the system has no extent at all.

    Args:
        square: squared scale, >= 0.
    """
    tiny = torch.finfo(square.dtype).tiny ** 0.5
    return torch.where(square > tiny, square, 1.0)


def root(square: Tensor) -> Tensor:
    """The square root, with gradient zero at zero, where that of ``sqrt`` is infinite.

    Args:
        square: squared lengths, >= 0.
    """
    return square * positive_scale_sq(square).rsqrt()


def soft_cap(u: Tensor, square: Tensor, cap_sq: Tensor) -> Tensor:
    """U cap / sqrt(cap^2 + square): unchanged where short, of length ``cap`` where long.

    Zero where ``cap`` is zero. A length whose square overflows counts as infinite and gives
    zero, never NaN.

    Args:
        u: vectors, shape (..., D).
        square: the squared length they are capped by, |u|^2 or a mean of it, to (..., 1).
        cap_sq: cap^2 >= 0, broadcast to (..., 1).
    """
    return u * (root(cap_sq) * positive_scale_sq(cap_sq + square).rsqrt())

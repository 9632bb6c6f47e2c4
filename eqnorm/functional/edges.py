"""Formulas of norms on relative vectors, one for each edge; no statistics of others."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional.lengths import root, soft_unit


def unit(d: Tensor, eps: float) -> Tensor:
    """D_ij / sqrt(|d_ij|^2 + eps^2).

    Args:
        d: relative vectors, shape (E, 3).
        eps: in the unit of d.
    """
    return soft_unit(d, eps**2)


def bounded(d: Tensor, constant: float) -> Tensor:
    """D_ij / (|d_ij| + C): a length below 1, with gradient 1/C at zero.

    Args:
        d: relative vectors, shape (E, 3).
        constant: C > 0, in the unit of d.
    """
    return d / (root(d.square().sum(-1, keepdim=True)) + constant)


def scaled_unit(d: Tensor, gain: Tensor, eps: float) -> Tensor:
    """G d_ij / sqrt(|d_ij|^2 + eps^2).

    Args:
        d: relative vectors, shape (E, 3).
        gain: g, broadcast to (E, 1).
        eps: in the unit of d.
    """
    return gain * soft_unit(d, eps**2)

"""Features of scalars and vectors: their irreps and columns, lengths that are smooth at zero."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor

from eqnorm_adapters._irreps import SCALAR, VECTOR, hidden_irreps

_LEAST_SQ = 1e-12  # of lengths, in squared units
_HALF = (torch.float16, torch.bfloat16)


def scalars_and_vectors(hidden: int | str | o3.Irreps) -> tuple[int, int]:
    """Numbers of scalars and of vectors, from a count for both or from irreps.

    Raises:
        ValueError: the irreps hold others than 0e and 1o, or lack one of them.
        TypeError: ``hidden`` is of another kind.

    Example:
        >>> scalars_and_vectors(8), scalars_and_vectors("100x0e+16x1o")
        ((8, 8), (100, 16))
    """
    irreps = hidden_irreps(hidden, lmax=1)
    if [irrep for _, irrep in irreps] != [SCALAR, VECTOR]:
        raise ValueError(
            f"hidden={str(hidden)!r} must be of the form '32x0e+16x1o': this backbone has scalars "
            "and vectors, in this order; other irreps are for 'tfn'"
        )
    return irreps[0].mul, irreps[1].mul


def pack(scalars: Tensor, vectors: Tensor) -> Tensor:
    """Scalars (N, S) and vectors (N, 3, V) as e3nn lays out Sx0e+Vx1o: (N, S + 3V)."""
    return torch.cat([scalars, vectors.transpose(1, 2).flatten(1)], dim=-1)


def unpack(features: Tensor, scalars: int) -> tuple[Tensor, Tensor]:
    """The inverse of :func:`pack`, for S scalars."""
    rows, width = features.shape
    vectors = features[:, scalars:].reshape(rows, (width - scalars) // 3, 3)
    return features[:, :scalars], vectors.transpose(1, 2)


def length(vectors: Tensor, dim: int = -1, least_sq: float = _LEAST_SQ) -> Tensor:
    r"""sqrt(\|v\|^2 + least_sq) along a dimension, which is kept with size 1.

    Its gradient is at most 1, and 0 at v = 0. In float32 where v is in half precision, in which
    squares underflow and overflow.
    """
    square = wide(vectors).square().sum(dim, keepdim=True)
    return (square + least_sq).sqrt().to(vectors.dtype)


def soft_direction(vectors: Tensor, least_sq: float) -> Tensor:
    r"""Vectors v / sqrt(\|v\|^2 + least_sq), shape (..., 3), computed in the same way."""
    values = wide(vectors)
    square = values.square().sum(-1, keepdim=True)
    return (values * (square + least_sq).rsqrt()).to(vectors.dtype)


def wide(values: Tensor) -> Tensor:
    """In float32 what is in half precision, in which squares underflow and overflow."""
    return values.float() if values.dtype in _HALF else values

"""Runs of columns that hold copies of one irrep."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from e3nn import o3
from torch import Tensor

Order = Literal["mul_ir", "ir_mul"]


class Block(NamedTuple):
    """Neighbouring columns that hold ``mul`` copies of one irrep.

    Attributes:
        start: first column.
        stop: one past the last column.
        mul: number of copies.
        dim: components of each copy, 2l+1.
        degree: l.
        parity: +1 or -1.
        copy: index of the first copy among all copies.
        scalar: whether the irrep is 0e: the only one that may be centred or given a bias.
    """

    start: int
    stop: int
    mul: int
    dim: int
    degree: int
    parity: int
    copy: int
    scalar: bool

    @property
    def irrep(self) -> tuple[int, int]:
        """Degree and parity: blocks that share it hold features of one kind."""
        return self.degree, self.parity


def read_blocks(irreps: o3.Irreps) -> tuple[Block, ...]:
    """The blocks of irreps, in their order; those without copies are left out."""
    blocks = []
    column = copy = 0
    for mul, ir in irreps:
        if mul == 0:
            continue
        stop = column + mul * ir.dim
        scalar = ir.l == 0 and ir.p == 1
        blocks.append(Block(column, stop, mul, ir.dim, ir.l, ir.p, copy, scalar))
        column, copy = stop, copy + mul
    return tuple(blocks)


def sum_block(per_column: Tensor, block: Block, order: Order) -> Tensor:
    """Sum over the components of every copy of one block: (..., D) -> (..., mul)."""
    part = per_column[..., block.start : block.stop]
    if block.dim == 1:
        return part
    if order == "ir_mul":
        return part.reshape(*part.shape[:-1], block.dim, block.mul).sum(-2)
    # Adding strided slices: torch is slow at reducing over an inner dimension of 3.
    total = part[..., 0 :: block.dim]
    for component in range(1, block.dim):
        total = total + part[..., component :: block.dim]
    return total


def kinds_table(blocks: tuple[Block, ...]) -> Any:
    """For kernels, of every block: start, copies, components, first copy, kind, whether 0e."""
    kinds = list(dict.fromkeys(b.irrep for b in blocks))
    rows = [(b.start, b.mul, b.dim, b.copy, kinds.index(b.irrep), b.scalar) for b in blocks]
    return np.array(rows, dtype=np.int64)


def parities_table(blocks: tuple[Block, ...]) -> Any:
    """Like :func:`kinds_table`, the last two being: an even scalar, a scalar of either parity."""
    rows = [(b.start, b.mul, b.dim, b.copy, b.scalar, b.dim == 1) for b in blocks]
    return np.array(rows, dtype=np.int64)

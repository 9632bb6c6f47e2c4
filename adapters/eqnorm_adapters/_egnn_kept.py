"""Memory where the compiled kernel keeps numbers of edges from the forward pass for the gradient.

Blocks are lent, given back and lent again: fresh memory comes at 2 GB/s where pages are new, which
would cost what is gained. All blocks together stay below :data:`MOST`; where there is no room the
gradient computes anew, which takes an eighth longer.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

MOST = 40 << 20  # bytes, of the process: 4 layers of 64 channels on 50 complete graphs of 20 nodes

_free: list[Tensor] = []  # each is appended and popped in one step: threads, and collected cycles
_lock = threading.Lock()
_held = 0  # bytes of all blocks, lent or free


class Loan:
    """A block, given back when nothing refers to the loan any more.

    Attributes:
        block: float32, one dimension, at least as long as asked for.
    """

    def __init__(self, block: Tensor) -> None:
        self.block = block

    def __del__(self) -> None:
        _free.append(self.block)


def lend(floats: int) -> Loan | None:
    """A block with anything in it; None where it would be more than :data:`MOST` in all."""
    global _held
    unit = 1 << max(floats.bit_length() - 4, 0)  # so that batches of about one size share blocks
    floats = -(-floats // unit) * unit
    if not 0 < 4 * floats <= MOST:
        return None
    with _lock:
        # No loan can come back while one is looked for but by a collected cycle, at the end.
        sizes = [block.numel() for block in _free]
        fitting = [n for n, size in enumerate(sizes) if floats <= size <= 2 * floats]
        if fitting:
            return Loan(_free.pop(min(fitting, key=lambda n: sizes[n])))
        while _held + 4 * floats > MOST and _free:
            _held -= 4 * _free.pop(0).numel()
        if _held + 4 * floats > MOST:
            return None
        _held += 4 * floats
        return Loan(torch.empty(floats))

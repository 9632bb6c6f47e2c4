"""Memory where the compiled kernel keeps numbers of edges from the forward pass for the gradient.

Blocks are lent, given back and lent again: fresh memory comes at 2 GB/s where pages are new, which
would cost what is gained. So they stay with the process until it ends. All together stay below
:data:`MOST`; for edges that find no room the gradient computes anew, which takes a sixth longer.
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
        block: float32, one dimension.
        edges: how many find room in it.
    """

    def __init__(self, block: Tensor, floats: int) -> None:
        self.block = block
        self.edges = block.numel() // floats

    def __del__(self) -> None:
        _free.append(self.block)


def lend(edges: int, floats: int) -> Loan | None:
    """A block with anything in it for as many of the edges as there is room for; None for few.

    Args:
        edges: of a layer.
        floats: of each.
    """
    global _held
    wanted = edges * floats
    unit = 1 << max(wanted.bit_length() - 4, 0)  # so that batches of about one size share blocks
    with _lock:
        # Loans that come back meanwhile, from other threads too, stand after these.
        sizes = [block.numel() for block in _free]
        lent = _held - 4 * sum(sizes)
        size = min(-(-wanted // unit) * unit, (MOST - lent) // 4)
        if 8 * size < wanted or not wanted:
            return None
        fitting = [n for n, free in enumerate(sizes) if size <= free <= 2 * size]
        if fitting:
            return Loan(_free.pop(min(fitting, key=lambda n: sizes[n])), floats)
        while _held + 4 * size > MOST and _free:
            _held -= 4 * _free.pop(0).numel()
        block = torch.empty(size, dtype=torch.float32, device="cpu")  # whatever the defaults are
        _held += 4 * size
        return Loan(block, floats)

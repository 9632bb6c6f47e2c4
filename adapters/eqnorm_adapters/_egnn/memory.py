"""Memory that is lent, given back and lent again.

Fresh memory comes at 2 GB/s where pages are new, as they are for all large tensors of a process
whose allocator returns them to the system in between: what is kept for a gradient would cost more
than the work that it saves. So blocks stay with the process until it ends, or :func:`empty_cache`.
"""

from __future__ import annotations

import os
import threading
import weakref

import torch
from torch import Tensor


def empty_cache() -> None:
    """Give memory that no gradient needs back to the system, as torch.cuda.empty_cache() does.

    Models of the EGNN on the CPU keep up to 296 MiB in a process for their next training steps.

    Example:
        >>> import eqnorm_adapters
        >>> eqnorm_adapters.empty_cache()
    """
    for pool in _pools:
        pool.clear()


class Pool:
    """Blocks of float32 on the CPU, in all no more than a bound.

    Args:
        most: bytes of all blocks, lent or free.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0  # bytes
        self.free: list[Tensor] = []  # appended and popped in one step: threads, collected cycles
        self._lock = threading.Lock()
        _pools.add(self)

    def take(self, wanted: int, least: int) -> Tensor | None:
        """A block, of one dimension, with anything in it.

        Whoever takes it appends it to :attr:`free` when it is no longer used.

        Args:
            wanted: numbers.
            least: where there is no room for all of them, so many will do; None for fewer.
        """
        unit = 1 << max(wanted.bit_length() - 4, 0)  # so that batches of about one size share
        with self._lock:
            # Blocks that come back meanwhile, from other threads too, stand after these.
            sizes = [block.numel() for block in self.free]
            lent = self.held - 4 * sum(sizes)
            size = min(-(-wanted // unit) * unit, (self.most - lent) // 4)
            if size < least or not wanted:
                return None
            fitting = [n for n, free in enumerate(sizes) if size <= free <= 2 * size]
            if fitting:
                return self.free.pop(min(fitting, key=lambda n: sizes[n]))
            while self.held + 4 * size > self.most and self.free:
                self.held -= 4 * self.free.pop(0).numel()
            block = torch.empty(size, dtype=torch.float32, device="cpu")  # whatever defaults are
            self.held += 4 * size
            return block

    def clear(self) -> None:
        """Forget all free blocks."""
        with self._lock:
            while self.free:
                self.held -= 4 * self.free.pop().numel()

    def unlock(self) -> None:
        """In a process just forked: a thread that had the lock is not in it."""
        self._lock = threading.Lock()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _unlock() -> None:
    for pool in _pools:
        pool.unlock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_unlock)

"""What edges keep from an operation's forward pass for its gradient, behind a tensor.

Operations give and take tensors alone. One of a single number stands for the loans of memory
(:mod:`.kept`): while anything holds its memory, they can be had for the number, once. Whoever
copies it holds a number that finds nothing, and the gradient computes anew.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters._egnn.compiled.kept import Loans


class Kept(NamedTuple):
    """What a ticket stands for.

    Attributes:
        loans: one of each layer; empty for none.
        threads: at most, as they were: what edges keep lies in the order of their parts.
    """

    loans: Loans
    threads: int


_kept: dict[int, Kept] = {}
_next = itertools.count(1)


class _Number(ctypes.c_int64 * 1):  # type: ignore[misc]
    """The memory of a ticket.

    Attributes:
        forget: called when nothing has this memory any more. It knows the number, which whoever
            has the tensor may write over.
    """

    forget: Callable[[], Any]

    def __del__(self) -> None:
        self.forget()


def ticket(kept: Kept) -> Tensor:
    """A tensor of one number, int64, for which :func:`redeem` gives what is kept."""
    key = next(_next)
    number = _Number(key)
    number.forget = functools.partial(_kept.pop, key, None)
    _kept[key] = kept
    # The tensor's memory is that of the number, which lives as long.
    return torch.frombuffer(number, dtype=torch.int64)


def redeem(number: Tensor) -> Kept:
    """What is kept, to whoever comes first; nothing, and this process's threads, to others."""
    return _kept.pop(int(number), None) or Kept((), torch.get_num_threads())

"""Checks of what graphs are built from; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

import torch
from torch import Tensor


def only_graph(num_graphs: int | None) -> None:
    """Refuse another number of graphs than the one that there is without a batch vector."""
    if num_graphs not in (None, 1):
        raise ValueError(
            f"num_graphs is {num_graphs} but without batch all nodes are one graph; give batch, "
            "the graph of each node"
        )


def described(value: object) -> str:
    """What came in place of a tensor of some shape, for an error."""
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    return f"{type(value).__name__}, which is no tensor"


def check_integer(index: Tensor, name: str) -> None:
    """Refuse indices of another dtype than int64."""
    if index.dtype != torch.int64:
        raise ValueError(f"{name} must be int64 (LongTensor), got {index.dtype}; use .long()")

"""What the specimens are made of."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_of(x: Tensor, batch: Tensor) -> Tensor:
    """Mean over the nodes of each graph, given back to every node: (N, D) -> (N, D)."""
    count = int(batch.max()) + 1
    total = x.new_zeros(count, x.shape[1]).index_add(0, batch, x)
    number = torch.bincount(batch, minlength=count).to(x.dtype)
    return (total / number[:, None])[batch]


def pairs_of(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Receivers and senders of all pairs i != j within the graphs, each (E,)."""
    same = batch[:, None] == batch[None, :]
    same.fill_diagonal_(False)
    i, j = torch.nonzero(same, as_tuple=True)
    return i, j


def add_up(messages: Tensor, receivers: Tensor, like: Tensor) -> Tensor:
    """Sum of the messages at their receivers: (E, D) -> (N, D)."""
    return like.new_zeros(like.shape[0], messages.shape[1]).index_add(0, receivers, messages)


def pull(pos: Tensor, batch: Tensor, strength: float = 0.1) -> Tensor:
    """A sound, bounded displacement: sum of d / (1 + d^2) over the others, (N, 3)."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    return strength * add_up(d / (1 + d.square().sum(-1, keepdim=True)), i, pos)

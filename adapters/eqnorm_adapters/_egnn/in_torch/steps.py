"""Steps of the networks of an EGNN's edges in torch, on one block of edges."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from eqnorm_adapters._egnn.in_torch.blocks import Place
from eqnorm_adapters._egnn.in_torch.kept import lent


def ones(like: Tensor) -> Tensor:
    """Three of them."""
    return _ones(like.dtype, like.device)


@functools.lru_cache(maxsize=8)
def _ones(dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.ones(3, dtype=dtype, device=device)


def rooms_for(like: Tensor, of: Place, number: int) -> list[Tensor]:
    """Memory for what lives as long as a block: new tensors of every step would cost more."""
    rows, _ = of.steps(like.shape[1])
    return list(lent(like, number, rows, like.shape[1]).unbind())


def cut(rooms: list[Tensor], rows: int) -> list[Tensor]:
    """So many rows of each."""
    return [room if room.shape[0] == rows else room[:rows] for room in rooms]


def first_product(
    a: Tensor, b: Tensor, scalars: Tensor, we: Tensor, place: Place, room: Tensor
) -> Tensor:
    """u1 of a block, written into `room`."""
    u = torch.index_select(b, 0, place.senders, out=room)
    place.gather(a, u)
    return u.addmm_(scalars, we)


def silu(u: Tensor, room: Tensor) -> Tensor:
    """Written into `room`: faster than what a new tensor, or one that is kept, costs."""
    out: Tensor = torch.ops.aten.silu.out(u, out=room)
    return out


def activate(u: Tensor, y: Tensor, d: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
    """Silu of u, written into `y`, which may be `u`, and its derivative, into `d`.

    With p = sigmoid(u), they are up and p + up (1 - p): one logistic function for both.
    """
    p = torch.sigmoid(u, out=d)
    torch.mul(u, p, out=y)
    return y, torch.lerp(y, one, p, out=p)


def hidden(
    n: int, kept: list[Tensor], first: Callable[[], Tensor], rooms: list[Tensor], one: Tensor
) -> tuple[Tensor, Tensor]:
    """The activation and its derivative after the product n, from what is kept."""
    if len(kept) == 6:
        return kept[2 * n], kept[2 * n + 1]
    y, d = rooms
    return activate(kept[n - 1] if n else first(), y, d, one)


def plus_product(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """Left^T right, added to what there is."""
    return torch.mm(left.t(), right) if total is None else total.addmm_(left.t(), right)


def plus_sum(total: Tensor | None, values: Tensor) -> Tensor:
    """The sum of all rows, added to what there is."""
    return values.sum(0) if total is None else total.add_(values.sum(0))

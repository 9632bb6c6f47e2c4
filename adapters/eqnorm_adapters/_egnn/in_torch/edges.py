"""Networks of an EGNN's edges in torch, block by block of edges, gradients by hand.

For edge ij with scalars s_ij, and s(u) = silu(u):

u1 = a_i + b_j + W s_ij,  u2 = W2 s(u1) + b2,  u3 = W3 s(u2) + b3,  z = w4 . s(u3)

Sums of messages s(u2) at receivers, and z, are what comes out. A block of edges goes through all
of it while it is in the cache: with all edges at once every operation would wait for the memory,
and a new tensor of their size costs more than what is computed into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm_adapters._egnn.in_torch.blocks import Place
from eqnorm_adapters._egnn.in_torch.kept import lent
from eqnorm_adapters._egnn.in_torch.steps import (
    activate,
    cut,
    first_product,
    hidden,
    ones,
    plus_product,
    plus_sum,
    rooms_for,
    silu,
)

_MANY = 1 << 23  # numbers that a layer keeps to save work in the gradient: 32 MiB in float32


class Networks(NamedTuple):
    """W transposed, shape (K, C); W2, b2, W3, b3; w4, shape (1, C)."""

    we: Tensor
    w2: Tensor
    b2: Tensor
    w3: Tensor
    b3: Tensor
    w4: Tensor


class Gradients(NamedTuple):
    """Of a and b, (N, C); of the first scalars, (E, L); of the parameters."""

    a: Tensor
    b: Tensor
    scalars: Tensor
    networks: Networks


class Inputs(NamedTuple):
    """What the sums depend on.

    Attributes:
        a: of receivers, shape (N, C), with the bias of the first product.
        b: of senders, shape (N, C).
        scalars: s, shape (E, K).
        w: parameters.
    """

    a: Tensor
    b: Tensor
    scalars: Tensor
    w: Networks


def forward(
    given: Inputs, of: Place, number: int, keep: bool
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Sums of messages (N, C), z (E, 1), and what the gradient needs.

    Args:
        given: all inputs.
        of: the edges.
        number: of tensors that are kept: 6 for s(u) and s'(u), one after the other; 2 for u2 and
            u3, from which they are made again.
        keep: whether there may be a gradient. Without one the sums are the same to the last bit.
    """
    a, b, scalars, w = given
    count, width = scalars.shape[0], a.shape[1]
    total, z, one = of.sums(a), a.new_empty(count, 1), ones(a)[0]
    kept = _room(a, number, count) if keep else []
    rooms = rooms_for(a, of, number) if number == 2 or not keep else []
    w2, w3, w4 = w.w2.t(), w.w3.t(), w.w4.t()
    by_edge = (scalars, z, *kept)
    for place, (a_k, total_k), (s, z_k, *mine) in of.blocks(width, (a, total), by_edge):
        if number == 6:
            mine = mine or cut(rooms, s.shape[0])
            y = activate(first_product(a_k, b, s, w.we, place, mine[0]), mine[0], mine[1], one)[0]
            m = activate(torch.addmm(w.b2, y, w2, out=mine[2]), mine[2], mine[3], one)[0]
            y = activate(torch.addmm(w.b3, m, w3, out=mine[4]), mine[4], mine[5], one)[0]
        else:
            here, there = cut(rooms, s.shape[0])
            u2, u3 = mine if mine else (there, here)
            y = F.silu(first_product(a_k, b, s, w.we, place, here), inplace=True)
            m = silu(torch.addmm(w.b2, y, w2, out=u2), there)
            y = silu(torch.addmm(w.b3, m, w3, out=u3), here)
        place.collect(m, total_k)
        torch.mm(y, w4, out=z_k)
    return total, z, kept


def backward(
    given: Inputs,
    of: Place,
    kept: Sequence[Tensor],
    g_total: Tensor | None,
    g_z: Tensor | None,
    wanted: int,
) -> Gradients:
    """Gradients of everything, from those of the sums and of z; None for zeros.

    Args:
        given: as in :func:`forward`.
        of: the same.
        kept: by it, all six or two.
        g_total: shape (N, C).
        g_z: shape (E, 1).
        wanted: L, how many scalars, the first ones, want a gradient.
    """
    a, b, scalars, w = given
    count, width = scalars.shape[0], a.shape[1]
    g_a, g_b, one = of.sums(a), torch.zeros_like(b), ones(a)[0]
    g_s = a.new_empty(count, wanted)
    if g_z is None:
        g_z = a.new_zeros(count, 1)
    # A narrow product is several times as fast if this factor is dense.
    of_scalars = w.we[:wanted].clone(memory_format=torch.contiguous_format).t()
    rooms = rooms_for(a, of, 2 if len(kept) == 6 else 4)
    g_we: Any = None  # until the first block, as all of them
    g_w2 = g_b2 = g_w3 = g_b3 = g_w4 = g_we
    by_node, by_edge = (a, g_a, g_total), (scalars, g_z, g_s, *kept)
    for place, (a_k, g_a_k, g_k), (s, g_z_k, g_s_k, *mine) in of.blocks(width, by_node, by_edge):
        here, there, *more = cut(rooms, s.shape[0])
        first = partial(first_product, a_k, b, s, w.we, place, *more[:1])
        y, d = hidden(2, mine, first, more, one)
        g_w4 = plus_product(g_w4, g_z_k, y)
        g = torch.mul(g_z_k, w.w4, out=here).mul_(d)
        y, d = hidden(1, mine, first, more, one)
        g_w3, g_b3 = plus_product(g_w3, g, y), plus_sum(g_b3, g)
        g = torch.mm(g, w.w3, out=there)
        if g_k is not None:
            place.gather(g_k, g)
        g.mul_(d)
        y, d = hidden(0, mine, first, more, one)
        g_w2, g_b2 = plus_product(g_w2, g, y), plus_sum(g_b2, g)
        g = torch.mm(g, w.w2, out=here).mul_(d)
        place.collect(g, g_a_k)
        g_b.index_add_(0, place.senders, g)
        g_we = plus_product(g_we, s, g)
        if wanted:
            torch.mm(g, of_scalars, out=g_s_k)
    return Gradients(g_a, g_b, g_s, Networks(g_we, g_w2, g_b2, g_w3, g_b3, g_w4))


def _room(like: Tensor, number: int, count: int) -> list[Tensor]:
    """For so many tensors of the size of edges."""
    width = like.shape[1]
    if number == 2:  # what an operation returns as well, which may not be views of one tensor
        return [lent(like, count, width) for _ in range(number)]
    return list(lent(like, number, count, width).unbind())


def how_many(count: int, width: int) -> int:
    """Tensors to keep for so many edges and channels: six save work, two save memory."""
    return 6 if 6 * count * width <= _MANY else 2

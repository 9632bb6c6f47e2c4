"""What the compiled kernel of an EGNN's edges is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

Values = Sequence[Tensor | None]


class EdgeInputs(NamedTuple):
    """What the sums over edges depend on; the letters are those of native/egnn/egnn.h.

    Attributes:
        h: features of nodes, shape (N, C).
        x: positions, shape (N, 3).
        e: invariant features of edges, shape (E, K - 1), or None for K = 1.
        vectors: summed with weights in place of the relative ones, shape (E, 3); None for these.
        w1: weights of the first product: at receivers, senders and edges, shape (C, 2 C + K).
        b1: its bias, shape (C,).
        w2: weights of the second product, shape (C, C).
        b2: its bias, shape (C,).
        w3: weights of the third, shape (C, C).
        b3: its bias, shape (C,).
        w4: weights of the last, shape (1, C).
        wa: weights of the attention, shape (1, C), or None for none.
        ba: its bias, shape (1,), or None.
    """

    h: Tensor
    x: Tensor
    e: Tensor | None
    vectors: Tensor | None
    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    w3: Tensor
    b3: Tensor
    w4: Tensor
    wa: Tensor | None
    ba: Tensor | None


class Edges(NamedTuple):
    """Which edges there are, and how the kernel computes.

    Attributes:
        senders: of edges, shape (E,), int64; None for complete graphs.
        receivers: the same.
        shifts: added to relative vectors, shape (E, 3), or None.
        size: nodes of each complete graph; 0 where edges are listed.
        bound: whether weights are bounded by tanh.
        halves: whether products are of bfloat16.
    """

    senders: Tensor | None
    receivers: Tensor | None
    shifts: Tensor | None
    size: int
    bound: bool
    halves: bool

"""Messages of a convolution, edge by edge, by operations that torch differentiates at will."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters._conv.coupling import Block


class Ends(NamedTuple):
    """Where edges start and end.

    Attributes:
        senders: shape (E,), int64.
        receivers: the same.
        mirrored: whether every edge stands for its opposite too, whose Y is (-1)^l times as large.
    """

    senders: Tensor
    receivers: Tensor
    mirrored: bool = False


def messages(
    h: Tensor,
    harmonics: Tensor,
    phi: Tensor,
    senders: Tensor,
    block: Block,
    weight: Tensor,
    coupling: Tensor,
) -> Tensor:
    """Messages of one block: (E, mul, sum over paths of 2 l3 + 1)."""
    # The same filter weight for all components k of a path: repeated here, where it is small.
    sizes = [path.dim for path in block.paths]
    wide = torch.cat(
        [weight[..., q : q + 1].expand(-1, -1, size) for q, size in enumerate(sizes)], dim=-1
    )
    edges = phi.shape[0]
    filters = (phi @ wide.flatten(1)).view(edges, block.mul, block.width)
    matrix = (harmonics @ coupling.flatten(1)).view(edges, block.dim, block.width)
    own = h[:, block.start : block.stop].reshape(-1, block.mul, block.dim)
    return (own.index_select(0, senders) @ matrix) * filters


def message_sums(
    h: Tensor,
    harmonics: Tensor,
    phi: Tensor,
    weights: Sequence[Tensor],
    ends: Ends,
    blocks: Sequence[Block],
    couplings: Sequence[Tensor],
) -> Tensor:
    """Sums of the messages that each node receives, (N, all blocks' mul times width)."""
    ways = [(ends.senders, ends.receivers, harmonics)]
    if ends.mirrored:
        ways.append((ends.receivers, ends.senders, harmonics * parities(harmonics)))
    sums = []
    for block, weight, coupling in zip(blocks, weights, couplings, strict=True):
        if not block.paths:
            continue
        total = h.new_zeros(h.shape[0], block.mul, block.width)
        for senders, receivers, y in ways:
            found = messages(h, y, phi, senders, block, weight, coupling)
            total = total.index_add(0, receivers, found)
        sums.append(total.flatten(1))
    return torch.cat(sums, dim=-1)


def parities(harmonics: Tensor) -> Tensor:
    """(-1)^l of each component of Y, which is by how much the opposite direction's differs."""
    degrees = [math.isqrt(component) for component in range(harmonics.shape[1])]
    return harmonics.new_tensor([1.0 if degree % 2 == 0 else -1.0 for degree in degrees])

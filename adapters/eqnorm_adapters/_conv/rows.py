"""Messages of some edges with the edges as the last dimension, and how gradients pass them.

Factors of the products here are shared by all channels or by all components, never by edges: with
edges last, torch runs along memory. A message is h times a matrix M of the harmonics, both of one
block, times the filter weight of its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters._conv.coupling import Block


class Rows(NamedTuple):
    """One block of features, and where its numbers stand in those of all blocks.

    Attributes:
        block: the block.
        features: channels, components.
        filters: paths, channels.
        matrix: components of the features, of the results.
        messages: channels, components of the results.
    """

    block: Block
    features: slice
    filters: slice
    matrix: slice
    messages: slice


def rows_of(blocks: Sequence[Block]) -> list[Rows]:
    """Blocks that have any path, one after the other."""
    found: list[Rows] = []
    filters = matrix = messages = 0
    for block in blocks:
        ends = (
            filters + len(block.paths) * block.mul,
            matrix + block.dim * block.width,
            messages + block.mul * block.width,
        )
        starts, (filters, matrix, messages) = (filters, matrix, messages), ends
        places = [slice(*place) for place in zip(starts, ends, strict=True)]
        if block.paths:
            found.append(Rows(block, slice(block.start, block.stop), *places))
    return found


def messages(sent: Tensor, filters: Tensor, matrix: Tensor, rows: Sequence[Rows]) -> Tensor:
    """Messages (all rows, e) of h at the senders, filter weights and matrices of all blocks."""
    out = sent.new_empty(rows[-1].messages.stop, sent.shape[1])
    for row in rows:
        h, m, of_path = _views(row, sent, matrix, filters)
        found = out[row.messages].view(row.block.mul, row.block.width, -1)
        product(h, m, found)
        for q, path in enumerate(row.block.paths):
            found[:, path.first : path.first + path.dim] *= of_path[q].unsqueeze(1)
    return out


def gradients(
    g: Tensor, sent: Tensor, filters: Tensor, matrix: Tensor, rows: Sequence[Rows]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of h at the senders, filter weights and matrices, from that of the messages; spoils g."""
    g_sent, g_filters = torch.zeros_like(sent), torch.empty_like(filters)
    g_matrix = torch.empty_like(matrix)
    for row in rows:
        h, m, of_path = _views(row, sent, matrix, filters)
        g_h, g_m, g_path = _views(row, g_sent, g_matrix, g_filters)
        g_message = g[row.messages].view(row.block.mul, row.block.width, -1)
        unweighted = product(h, m, torch.empty_like(g_message))
        unweighted *= g_message
        for q, path in enumerate(row.block.paths):
            own = slice(path.first, path.first + path.dim)
            torch.sum(unweighted[:, own], 1, out=g_path[q])
            g_message[:, own] *= of_path[q].unsqueeze(1)
        product(g_message, m.transpose(0, 1), g_h)
        product(h.transpose(0, 1), g_message, g_m)
    return g_sent, g_filters, g_matrix


def product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """For each edge a product of matrices: (x, s, e) and (s, y, e) to (x, y, e)."""
    torch.mul(a[:, :1], b[0], out=out)
    for s in range(1, b.shape[0]):
        out.addcmul_(a[:, s : s + 1], b[s])
    return out


def _views(row: Rows, features: Tensor, matrix: Tensor, filters: Tensor) -> tuple[Tensor, ...]:
    """A block's share of each: (mul, dim, e), (dim, width, e) and (paths, mul, e)."""
    mul, dim = row.block.mul, row.block.dim
    return (
        features[row.features].view(mul, dim, -1),
        matrix[row.matrix].view(dim, row.block.width, -1),
        filters[row.filters].view(-1, mul, features.shape[1]),
    )

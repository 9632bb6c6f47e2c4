"""The convolution's sums in torch, some edges at a time, computed anew for the gradients.

What stands between h and the sums is for each edge as large as they are for a node. Here it is made
for as many edges as fit into the caches, in memory that is used again, and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters._again import differentiable, in_torch_again, once_only, without_autocast
from eqnorm_adapters._conv.coupling import Block
from eqnorm_adapters._conv.messages import Ends, message_sums
from eqnorm_adapters._conv.rows import gradients, messages, rows_of
from eqnorm_adapters._eager import is_eager

FROM = 1024  # edges; fewer are too few to make up for the number of operations
BYTES = 1 << 22  # of the messages at a time


class Fixed(NamedTuple):
    """What has no gradients: edges, blocks and their couplings."""

    ends: Ends
    blocks: Sequence[Block]
    couplings: Sequence[Tensor]


def applies(*tensors: Tensor) -> bool:
    """Whether nobody looks on, all are on the CPU, and the second, Y, is of many edges.

    Sums in less than float32 would be rounded more often here than in the plain way.
    """
    return (
        is_eager(*tensors)  # first: what torch.compile has looked at, it makes a guard of
        and tensors[1].shape[0] >= FROM
        and tensors[0].dtype in (torch.float32, torch.float64)
        and all(t.device.type == "cpu" and t.dtype == tensors[0].dtype for t in tensors)
        and not torch.is_autocast_enabled("cpu")
        and once_only()
    )


def blocked_sums(
    h: Tensor, harmonics: Tensor, phi: Tensor, weights: Sequence[Tensor], fixed: Fixed
) -> Tensor:
    """Equal to :func:`eqnorm_adapters._conv.messages.message_sums`, to rounding."""
    # A row for each filter weight: blocks, paths, channels.
    w = torch.cat([weight.permute(2, 1, 0).flatten(0, 1) for weight in weights])
    sums: Tensor = BlockedSums.apply(h, harmonics, phi, w, fixed)  # type: ignore[no-untyped-call]
    return sums


class BlockedSums(torch.autograd.Function):
    """(h, Y, phi, w, what has no gradients) to sums."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *given, fixed = arguments
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*given)
        ctx.fixed = fixed
        h, y, phi, w = given
        rows, coupling = rows_of(fixed.blocks), _matrix(fixed)
        sums: Tensor = h.new_zeros(h.shape[0], rows[-1].messages.stop)
        for edges in _pieces(sums, phi):
            filters, matrix = w @ phi[edges].mT, coupling @ y[edges].mT
            for senders, receivers, sign in _ways(fixed, edges, w):
                sent = _columns(h, senders)
                found = messages(sent, _signed(filters, sign), matrix, rows)
                sums.index_add_(0, receivers, found.mT.contiguous())
        return sums

    @staticmethod
    @without_autocast
    def backward(ctx: Any, g: Any) -> Any:
        given, fixed = ctx.saved_tensors, ctx.fixed  # once: checkpointing allows no more
        if g is None:
            return (None,) * 5
        if in_torch_again(g):
            again = differentiable(given, lambda views: (_in_torch(views, fixed),), (g,))
            return (*again, None)
        h, y, phi, w = given
        rows, coupling = rows_of(fixed.blocks), _matrix(fixed)
        g_h, g_y, g_phi, g_w = (torch.zeros_like(t) for t in given)
        for edges in _pieces(g, phi):
            filters, matrix = w @ phi[edges].mT, coupling @ y[edges].mT
            for senders, receivers, sign in _ways(fixed, edges, w):
                come, sent = _columns(g, receivers), _columns(h, senders)
                parts = gradients(come, sent, _signed(filters, sign), matrix, rows)
                g_h.index_add_(0, senders, parts[0].mT.contiguous())
                g_filters = _signed(parts[1], sign)
                g_w.addmm_(g_filters, phi[edges])
                g_phi[edges].addmm_(g_filters.mT, w)
                if ctx.needs_input_grad[1]:
                    g_y[edges] += (coupling.mT @ parts[2]).mT
        return g_h, g_y if ctx.needs_input_grad[1] else None, g_phi, g_w, None


def _pieces(sums: Tensor, phi: Tensor) -> Iterator[slice]:
    """Edges whose messages fit into the caches."""
    size = max(64, BYTES // (sums.element_size() * sums.shape[1]))
    return (slice(first, first + size) for first in range(0, phi.shape[0], size))


def _ways(fixed: Fixed, edges: slice, w: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Senders, receivers, and the sign of each filter weight, where it is not 1 for all."""
    ends = fixed.ends
    senders, receivers = ends.senders[edges], ends.receivers[edges]
    yield senders, receivers, None
    if ends.mirrored:
        odd = [
            path.filter_degree % 2
            for block in fixed.blocks
            for path in block.paths
            for _ in range(block.mul)
        ]
        yield receivers, senders, 1 - 2 * w.new_tensor(odd).unsqueeze(1)


def _signed(filters: Tensor, sign: Tensor | None) -> Tensor:
    return filters if sign is None else filters * sign


def _columns(values: Tensor, index: Tensor) -> Tensor:
    """Rows (N, D) of the given nodes, as columns (D, e)."""
    return values.index_select(0, index).mT.contiguous()


def _matrix(fixed: Fixed) -> Tensor:
    """Coupling of all blocks as one matrix: from the components of Y to (a, k) of all blocks."""
    return torch.cat([c.permute(1, 2, 0).flatten(0, 1) for c in fixed.couplings])


def _in_torch(views: Sequence[Tensor | None], fixed: Fixed) -> Tensor:
    """The same by operations that can be differentiated again."""
    h, y, phi, w = (view for view in views if view is not None)
    sizes = [len(block.paths) * block.mul for block in fixed.blocks]
    weights = [
        part.view(len(block.paths), block.mul, -1).permute(2, 1, 0)
        for part, block in zip(torch.split(w, sizes), fixed.blocks, strict=True)
    ]
    return message_sums(h, y, phi, weights, *fixed)

"""Row norms and their gradients in torch, in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from eqnorm.functional._irreps.rows import Rows

# Elements a chunk of rows may have: temporaries of that size are reused, not fetched anew.
_CHUNK = 1 << 20


def _chunks(x: Tensor) -> list[slice]:
    """Runs of rows to work on one after the other; all at once off the CPU."""
    size = x.shape[0]
    if x.device.type == "cpu":
        size = min(size, max(1, _CHUNK // x.shape[1]))
    return [slice(i, min(i + size, x.shape[0])) for i in range(0, x.shape[0], size)]


def _rsqrt(v: Tensor, how: Rows) -> Tensor:
    if len(set(how.eps)) == 1:
        return (v + how.eps[0]).rsqrt()
    return (v + v.new_tensor(how.eps)).rsqrt()


def forward(x: Tensor, weight: Tensor, bias: Tensor, how: Rows) -> tuple[Tensor, Tensor, Tensor]:
    layout = how.layout
    columns = layout.to_columns(weight)
    y = torch.empty_like(x)
    mean = x.new_zeros(x.shape[0])
    var = x.new_zeros(x.shape[0], how.num_groups)
    for rows in _chunks(x):
        chunk, out, v, m = x[rows], y[rows], var[rows], mean[rows, None]
        if how.centred:
            torch.mean(layout.scalars(chunk), 1, keepdim=True, out=m)
        parts = [
            chunk[:, s.start : s.stop] - m if s.centred else chunk[:, s.start : s.stop]
            for s in how.spans
        ]
        for part, span in zip(parts, how.spans, strict=True):
            norm = torch.linalg.vector_norm(part, dim=1)
            v[:, span.group].addcmul_(norm, norm, value=1 / span.divisor)
        r = _rsqrt(v, how)
        for part, span in zip(parts, how.spans, strict=True):
            torch.mul(part, r[:, span.group, None], out=out[:, span.start : span.stop])
        out.mul_(columns)
        if layout.num_scalars:
            layout.add_to_scalars_(out, bias)
    return y, mean, var


def backward(
    g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, var: Tensor, how: Rows
) -> tuple[Tensor, Tensor, Tensor]:
    layout = how.layout
    columns = layout.to_columns(weight)
    grad_x = torch.empty_like(x)
    grad_columns = torch.zeros_like(columns)
    for rows in _chunks(x):
        chunk, own, m, out = x[rows], g[rows], mean[rows, None], grad_x[rows]
        r = _rsqrt(var[rows], how)
        dots = torch.zeros_like(r)
        parts = [
            chunk[:, s.start : s.stop] - m if s.centred else chunk[:, s.start : s.stop]
            for s in how.spans
        ]
        for part, span in zip(parts, how.spans, strict=True):
            cut = slice(span.start, span.stop)
            # The output serves as scratch: a temporary of its size would cost as much again.
            product = torch.mul(own[:, cut], part, out=out[:, cut])
            dots[:, span.group] += product @ columns[cut]
            grad_columns[cut] += r[:, span.group] @ product
        torch.mul(own, columns, out=out)
        steep = r.pow(3).mul_(dots).neg_()
        for part, span in zip(parts, how.spans, strict=True):
            piece = out[:, span.start : span.stop]
            piece.mul_(r[:, span.group, None])
            piece.addcmul_(part, steep[:, span.group, None], value=1 / span.divisor)
        if how.centred:
            layout.add_to_scalars_(out, -layout.scalars(out).mean(1, keepdim=True))
    return grad_x, layout.sum_copies(grad_columns), layout.scalars(g).sum(0)

"""Statistics of a node's own features: layer norms and RMS norms."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._irreps import rows_torch
from eqnorm.functional._irreps.layout import Layout
from eqnorm.functional._written import no_loops, write_down


class Span(NamedTuple):
    """Neighbouring columns treated alike; see :class:`Rows`."""

    start: int
    stop: int
    group: int
    divisor: float
    centred: bool


class Rows:
    """Which columns of a row share one statistic, and how each is weighed.

    Attributes:
        layout: of the features.
        groups: for every block of the layout, the index of its statistic, 0 to Q-1.
        divisors: for every block, what the squares of its columns are divided by in that sum.
        centred: whether the mean of the even scalars of a node is taken from them.
        eps: what is added to each statistic; a number stands for all.
    """

    def __init__(
        self,
        layout: Layout,
        groups: Sequence[int],
        divisors: Sequence[float],
        centred: bool,
        eps: float | Sequence[float],
    ) -> None:
        self.layout = layout
        self.groups = tuple(groups)
        self.num_groups = max(groups) + 1
        self.centred = centred and layout.num_scalars > 0
        each = [eps] * self.num_groups if isinstance(eps, float) else list(eps)
        self.eps = tuple(each)
        self.eps_table = np.array(each, dtype=np.float64)
        self.divisors = np.array(divisors, dtype=np.float64)
        self.table = np.array(
            [
                (b.start, b.stop, group, b.scalar, b.scalar and self.centred)
                for b, group in zip(layout.blocks, groups, strict=True)
            ]
        )
        self.spans: list[Span] = []
        for block, group, divisor in zip(layout.blocks, groups, divisors, strict=True):
            kind = (group, float(divisor), block.scalar and self.centred)
            if self.spans and self.spans[-1][2:] == kind:
                self.spans[-1] = self.spans[-1]._replace(stop=block.stop)
            else:
                self.spans.append(Span(block.start, block.stop, *kind))


def row_norm(x: Tensor, weight: Tensor, bias: Tensor, how: Rows) -> Tensor:
    """Y = (x - m) w / sqrt(v + eps) + b, from the features of each node alone.

    m is the mean of the even scalars of the node (0 for all else, or unless ``how.centred``), v
    the sum over the columns of a group of (x - m)^2 / divisor.

    Args:
        x: features, shape (N, D).
        weight: w, shape (K,).
        bias: b, shape (K0,).
        how: groups of columns, and eps.

    Returns:
        Shape (N, D).
    """
    if not _compiled.is_eager():
        no_loops()
        return plain(x, weight, bias, how)
    if write_down(RowCall(x, weight, bias, how)):
        return x
    out: Tensor = _RowNorm.apply(x, weight, bias, how)  # type: ignore[no-untyped-call]
    return out


class RowCall(NamedTuple):
    """A use of :func:`row_norm`."""

    x: Tensor
    weight: Tensor
    bias: Tensor
    how: Rows


def plain(x: Tensor, weight: Tensor, bias: Tensor, how: Rows) -> Tensor:
    """:func:`row_norm` as torch operations, for tracing, transforms and second derivatives."""
    layout = how.layout
    mean = layout.scalars(x).mean(1, keepdim=True) if how.centred else None
    squares = [x.new_zeros(x.shape[0], 1)] * how.num_groups
    parts = []
    for span in how.spans:
        part = x[:, span.start : span.stop]
        if span.centred and mean is not None:
            part = part - mean
        square = part.square().sum(1, keepdim=True) / span.divisor
        squares[span.group] = squares[span.group] + square
        parts.append(part)
    scales = [(sq + eps).rsqrt() for sq, eps in zip(squares, how.eps, strict=True)]
    scaled = [part * scales[s.group] for part, s in zip(parts, how.spans, strict=True)]
    return layout.add_to_scalars(torch.cat(scaled, dim=1) * layout.to_columns(weight), bias)


class _RowNorm(torch.autograd.Function):
    """Row norm with its backward in closed form."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, how: Rows) -> Tensor:
        kernels = _compiled.kernels_for(x)
        run = rows_torch.forward if kernels is None else kernels.row_forward
        y, mean, var = run(x, weight, bias, how)
        ctx.save_for_backward(x, weight, bias, mean, var)
        ctx.how = how
        out: Tensor = y
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, var = ctx.saved_tensors
        inputs = (x, weight, bias)
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(*grads):
            again = functools.partial(plain, how=ctx.how)
            return (*_compiled.gradients(again, inputs, grads[0]), None)
        kernels = _compiled.kernels_for(x)
        run = rows_torch.backward if kernels is None else kernels.row_backward
        return (*run(grads[0], x, weight, mean, var, ctx.how), None)

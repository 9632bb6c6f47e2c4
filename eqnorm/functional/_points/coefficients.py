"""Coefficients predicted from features, as one operation with its gradient written down."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm.functional import _compiled
from eqnorm.functional._points.fused import again

def coefficients(
    h: Tensor,
    weight: Tensor,
    bias: Tensor,
    scale: Tensor,
    shift: Tensor,
    amplitude: Tensor,
    around_one: int,
    eps: float,
) -> Tensor:
    """A_k tanh(W LN(h_i) + b)_k, in a compiled loop where one can serve.

    Args:
        h: invariant features, shape (N, C).
        weight: W, shape (K, C).
        bias: b, shape (K,).
        scale: of LN, shape (C,).
        shift: of LN, shape (C,).
        amplitude: A, shape (K,).
        around_one: how many of them, the first ones, are A_k (1 + tanh(...)_k).
        eps: of LN.

    Returns:
        Shape (N, K).
    """
    inputs = (h, weight, bias, scale, shift, amplitude)
    if not _served(h, inputs):
        return plain(around_one, eps, *inputs)
    out: Tensor = _Coefficients.apply(*inputs, around_one, eps)  # type: ignore[no-untyped-call]
    return out


def plain(
    around_one: int,
    eps: float,
    h: Tensor,
    weight: Tensor,
    bias: Tensor,
    scale: Tensor,
    shift: Tensor,
    amplitude: Tensor,
) -> Tensor:
    """:func:`coefficients` as torch operations."""
    centred = F.layer_norm(h, (h.shape[1],), scale, shift, eps)
    return amplitude * shifted(F.linear(centred, weight, bias).tanh(), around_one)


def shifted(bounded: Tensor, around_one: int) -> Tensor:
    """1 added to the first columns."""
    rest = bounded.shape[1] - around_one
    if not around_one:
        return bounded
    if not rest:
        return 1 + bounded
    first, last = torch.split(bounded, [around_one, rest], 1)
    return torch.cat([1 + first, last], 1)


def _served(h: Tensor, inputs: tuple[Tensor, ...]) -> bool:
    if not _compiled.is_eager() or not _compiled.serves(h) or torch.is_autocast_enabled("cpu"):
        return False
    return all(t.dtype == h.dtype and type(t) in (Tensor, torch.nn.Parameter) for t in inputs)


class _Coefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *inputs, around_one, eps = arguments
        y, *kept = _launch().coefficients_forward(inputs, around_one, eps)
        ctx.save_for_backward(*inputs, *kept)
        ctx.around_one, ctx.eps = around_one, eps
        out: Tensor = y
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, bounded, kept = ctx.saved_tensors
        g = gradients[0]
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(g):
            formula = functools.partial(plain, ctx.around_one, ctx.eps)
            return (*again(formula, inputs, g), None, None)
        wanted = ctx.needs_input_grad[0]
        found = _launch().coefficients_backward(g, inputs, bounded, kept, wanted, ctx.around_one)
        return (*found, None, None)


@functools.cache
def _launch() -> Any:
    return importlib.import_module("eqnorm.functional._points.launch")

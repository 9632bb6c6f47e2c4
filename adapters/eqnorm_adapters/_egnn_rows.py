"""Networks of two layers on the nodes of an EGNN, in one compiled call for each direction.

For few nodes the time of such a network is that of a dozen operations of torch, not of their
arithmetic. torch.compile fuses them by itself, and so sees the operations.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqnorm_adapters import native

_NUMBERS = ("rows", "channels", "outputs", "residual", "threads")
_ARRAYS = ("p", "q", "w1", "b1", "w2", "b2", "u", "y", "g_y", "g_p", "g_q")
_ARRAYS += ("g_w1", "g_b1", "g_w2", "g_b2")


class _Rows(ctypes.Structure):
    """The same fields in the same order as `eq_rows` in C."""

    _fields_ = tuple((name, ctypes.c_int64) for name in _NUMBERS) + tuple(
        (name, ctypes.c_void_p) for name in _ARRAYS
    )


def two_layers(
    network: nn.Sequential, p: Tensor, q: Tensor | None, residual: bool, compiled: bool
) -> Tensor:
    """W2 silu(W1 (p, q) + b1) + b2, and p more if ``residual``: rows of C channels to D.

    Args:
        network: Linear, activation, Linear.
        p: shape (N, C).
        q: shape (N, C), or None for none.
        residual: whether to add p.
        compiled: whether the compiled kernel may do it.
    """
    first, activation, second = network
    if compiled and _serves(first, activation, second, p, q):
        arguments = (p, q, first.weight, first.bias, second.weight, second.bias, residual)
        out: Tensor = _TwoLayers.apply(*arguments)  # type: ignore[no-untyped-call]
        return out
    out = network(p if q is None else torch.cat([p, q], dim=-1))
    return p + out if residual else out


def _serves(
    first: nn.Module, activation: nn.Module, second: nn.Module, p: Tensor, q: Tensor | None
) -> bool:
    if type(first) is not nn.Linear or type(second) is not nn.Linear:
        return False
    if (
        type(activation) is not nn.SiLU
        or p.shape[1] % 16
        or second.out_features
        not in (
            1,
            p.shape[1],
        )
    ):
        return False
    if q is not None and q.dtype != torch.float32:
        return False
    return not (torch.compiler.is_compiling() or any(map(_hooked, (first, activation, second))))


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def _in_torch(p: Tensor, q: Tensor | None, *w: Tensor, residual: bool) -> Tensor:
    joined = p if q is None else torch.cat([p, q], dim=-1)
    out = F.linear(F.silu(F.linear(joined, w[0], w[1])), w[2], w[3])
    return p + out if residual else out


class _TwoLayers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *inputs, residual = arguments
        dense = tuple(None if t is None else t.contiguous() for t in inputs)
        p, w2 = dense[0], dense[4]
        u, y = torch.empty_like(p), p.new_empty(p.shape[0], w2.shape[0])
        _call("eq_rows_forward", dense, residual, u=u, y=y)
        ctx.residual = residual
        ctx.save_for_backward(*inputs, u)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        *inputs, u = ctx.saved_tensors
        (g_y,) = gradients
        if torch.is_grad_enabled():  # to be differentiated again
            views = [None if t is None else t.view_as(t) for t in inputs]
            wanted = [n for n, t in enumerate(inputs) if t is not None and t.requires_grad]
            y = _in_torch(*views, residual=ctx.residual)  # type: ignore[arg-type]
            targets = [t for n in wanted if (t := views[n]) is not None]
            found = torch.autograd.grad(y, targets, g_y, create_graph=True)
            by_place = dict(zip(wanted, found, strict=True))
            return (*(by_place.get(n) for n in range(len(inputs))), None)
        dense = tuple(None if t is None else t.contiguous() for t in inputs)
        p, q, *weights = dense
        g_p, g_q = torch.empty_like(p), None if q is None else torch.empty_like(q)
        sums = [torch.empty_like(w) for w in weights]
        places = dict(zip(("g_w1", "g_b1", "g_w2", "g_b2"), sums, strict=True))
        g_y = g_y.contiguous()
        _call("eq_rows_backward", dense, ctx.residual, u=u, g_y=g_y, g_p=g_p, g_q=g_q, **places)
        return (g_p, g_q, *sums, None)


def _call(
    name: str, inputs: tuple[Tensor | None, ...], residual: bool, **arrays: Tensor | None
) -> None:
    p, w2 = inputs[0], inputs[4]
    assert p is not None
    assert w2 is not None
    numbers = (p.shape[0], p.shape[1], w2.shape[0], residual, torch.get_num_threads())
    rows = _Rows(*numbers, *(None if t is None else t.data_ptr() for t in inputs))
    for field, value in arrays.items():
        setattr(rows, field, None if value is None else value.data_ptr())
    if getattr(native.loaded("egnn"), name)(ctypes.byref(rows)):
        raise MemoryError("no memory for the networks of nodes")

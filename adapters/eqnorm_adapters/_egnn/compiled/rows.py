"""Networks of two layers on the nodes of an EGNN, in one compiled call for each direction.

For few nodes the time of such a network is that of a dozen operations of torch, not of their
arithmetic. torch.compile fuses them by itself, and so sees the operations.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqnorm_adapters import native
from eqnorm_adapters._again import differentiable, in_torch_again, without_autocast
from eqnorm_adapters._egnn.compiled.padding import MULTIPLE
from eqnorm_adapters._hooked import hooked

_NUMBERS = ("rows", "channels", "outputs", "residual", "threads", "more")
_ARRAYS = (
    *("p", "q", "w1", "b1", "w2", "b2", "u", "y"),
    *("g_y", "g_p", "g_q", "g_w1", "g_b1", "g_w2", "g_b2"),
)


class Rows(ctypes.Structure):
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
    width = p.shape[1]
    if compiled and width % MULTIPLE == 0 and not torch.compiler.is_compiling():
        w = untouched_weights(network, width, q is not None, torch.float32)
        if w is not None:
            out: Tensor = _TwoLayers.apply(p, q, *w, residual)  # type: ignore[no-untyped-call]
            return out
    out = network(p if q is None else torch.cat([p, q], dim=-1))
    return p + out if residual else out


def untouched_weights(
    network: nn.Module, width: int, joined: bool, dtype: torch.dtype
) -> tuple[Tensor, ...] | None:
    """W1, b1, W2 and b2 of a network that may be done in place of its modules, else None.

    Networks of two inputs make C features, those of one make a factor: other shapes that someone
    has put there are for modules, as they end in broadcasting or an error.

    Args:
        network: Linear, activation, Linear, or what someone has put in its place.
        width: C.
        joined: whether it takes two inputs, 2 C in all.
        dtype: of the parameters; None for another.
    """
    if type(network) is not nn.Sequential or hooked(network):
        return None
    parts: tuple[Any, ...] = tuple(network._modules.values())
    if tuple(map(type, parts)) != (nn.Linear, nn.SiLU, nn.Linear) or any(map(hooked, parts)):
        return None
    first, second = parts[0]._parameters, parts[2]._parameters
    found = tuple(part.get(name) for part in (first, second) for name in ("weight", "bias"))
    out = width if joined else 1
    expected = [(width, width * (1 + joined)), (width,), (out, width), (out,)]
    shapes = [None if w is None or w.dtype != dtype else tuple(w.shape) for w in found]
    return found if shapes == expected else None


def in_torch(inputs: Sequence[Any], residual: bool) -> Tensor:
    """The same by plain operations, to be differentiated: of p, q, W1, b1, W2 and b2."""
    p, q, *w = inputs
    joined = p if q is None else torch.cat([p, q], dim=-1)
    out = F.linear(F.silu(F.linear(joined, w[0], w[1])), w[2], w[3])
    return torch.add(p, out) if residual else out


class _TwoLayers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *inputs, residual = arguments
        dense: tuple[Any, ...] = tuple(None if t is None else t.contiguous() for t in inputs)
        p, w2 = dense[0], dense[4]
        u, y = torch.empty_like(p), p.new_empty(p.shape[0], w2.shape[0])
        _call("eq_rows_forward", dense, residual, u=u, y=y)
        ctx.residual = residual
        ctx.save_for_backward(*inputs, u)
        return y  # type: ignore[no-any-return]

    @staticmethod
    @without_autocast
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        *inputs, u = ctx.saved_tensors
        (g_y,) = gradients
        if in_torch_again(*gradients):
            again = differentiable(
                inputs,
                lambda views: [in_torch(views, ctx.residual)],
                gradients,
            )
            return (*again, None)
        dense: tuple[Any, ...] = tuple(None if t is None else t.contiguous() for t in inputs)
        p, q, *parameters = dense
        g_p, g_q = torch.empty_like(p), None if q is None else torch.empty_like(q)
        sums = [torch.empty_like(w) for w in parameters]
        places = dict(zip(("g_w1", "g_b1", "g_w2", "g_b2"), sums, strict=True))
        g_y = g_y.contiguous()
        _call("eq_rows_backward", dense, ctx.residual, u=u, g_y=g_y, g_p=g_p, g_q=g_q, **places)
        return (g_p, g_q, *sums, None)


def _call(
    name: str, inputs: tuple[Tensor | None, ...], residual: bool, **arrays: Tensor | None
) -> None:
    rows = _record(inputs, residual, **arrays)
    if getattr(native.loaded("egnn"), name)(ctypes.byref(rows)):
        raise MemoryError("no memory for the networks of nodes")


def _record(inputs: tuple[Tensor | None, ...], residual: bool, **arrays: Tensor | None) -> Rows:
    """What the kernel is given: p, q and the parameters, all dense; other arrays by name."""
    p, w2 = inputs[0], inputs[4]
    assert p is not None
    assert w2 is not None
    numbers = (p.shape[0], p.shape[1], w2.shape[0], residual, torch.get_num_threads(), False)
    rows = Rows(*numbers, *(None if t is None else t.data_ptr() for t in inputs))
    for field, value in arrays.items():
        setattr(rows, field, None if value is None else value.data_ptr())
    return rows

"""The compiled sums over edges as operations of torch, and which way to call them.

torch.compile and fake tensors see `eqnorm::egnn_edges` like any other operation, whose gradient is
a second one. What runs at once goes through an autograd function that calls the same kernel: torch
takes 0.1 ms more for an operation registered from Python.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from eqnorm_adapters._egnn.compiled import edge_calls
from eqnorm_adapters._egnn.compiled.fused import EdgeSums, gradients_of, keep
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges


def edge_sums(given: EdgeInputs, edges: Edges) -> tuple[Tensor, Tensor]:
    """Sums of messages, shape (N, C), and of weighted vectors, shape (N, 3)."""
    if torch.compiler.is_compiling():
        messages, moves, _ = egnn_edges(*given, *edges)
    else:
        messages, moves, _ = EdgeSums.apply(*given, *edges)  # type: ignore[no-untyped-call]
    return messages, moves


_ARGUMENTS = (
    "Tensor h, Tensor x, Tensor? e, Tensor? vectors, Tensor w1, Tensor b1, Tensor w2, Tensor b2, "
    "Tensor w3, Tensor b3, Tensor w4, Tensor? wa, Tensor? ba, "
    "Tensor? senders, Tensor? receivers, Tensor? shifts, SymInt size, bool bound, bool halves"
)
_INPUTS = len(EdgeInputs._fields)
_COUNT = _INPUTS + len(Edges._fields)
_operation = functools.partial(torch.library.custom_op, mutates_args=(), device_types="cpu")


@_operation("eqnorm::egnn_edges", schema=f"({_ARGUMENTS}) -> (Tensor, Tensor, Tensor)")
def egnn_edges(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Both sums, and the first products at nodes, which only the gradient uses."""
    return edge_calls.forward(EdgeInputs(*arguments[:_INPUTS]), Edges(*arguments[_INPUTS:]))


@egnn_edges.register_fake
def _(h: Tensor, x: Tensor, *_others: Any) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(h), torch.empty_like(x), h.new_empty(edge_calls.first_shape(h))


@_operation(
    "eqnorm::egnn_edges_backward",
    schema=f"({_ARGUMENTS}, Tensor first, Tensor? g_messages, Tensor? g_moves, bool wants_x, "
    "bool wants_e) -> Tensor[]",
)
def egnn_edges_backward(*arguments: Any) -> list[Tensor]:
    """Gradients of h to ba; nothing for what is None, or not wanted."""
    given, edges = EdgeInputs(*arguments[:_INPUTS]), Edges(*arguments[_INPUTS:_COUNT])
    found = edge_calls.backward(given, edges, *arguments[_COUNT:])
    return [gradient for gradient in found if gradient is not None]


@egnn_edges_backward.register_fake
def _(*arguments: Any) -> list[Tensor]:
    given = EdgeInputs(*arguments[:_INPUTS])
    wanted = _wanted(given, *arguments[-2:])
    there = zip(given, wanted, strict=True)
    return [torch.empty_like(t) for t, want in there if want and t is not None]


def _wanted(given: EdgeInputs, wants_x: bool, wants_e: bool) -> list[bool]:
    there = [value is not None for value in given]
    there[1], there[2] = wants_x, wants_e
    return there


def _by_operation(
    given: EdgeInputs,
    edges: Edges,
    first: Tensor,
    g_messages: Tensor | None,
    g_moves: Tensor | None,
    wants_x: bool,
    wants_e: bool,
) -> tuple[Tensor | None, ...]:
    found = iter(egnn_edges_backward(*given, *edges, first, g_messages, g_moves, wants_x, wants_e))
    return tuple(next(found) if want else None for want in _wanted(given, wants_x, wants_e))


def _gradients(ctx: Any, g_messages: Tensor | None, g_moves: Tensor | None, _: Any) -> Any:
    return gradients_of(ctx, g_messages, g_moves, _by_operation)


egnn_edges.register_autograd(
    _gradients, setup_context=lambda ctx, inputs, output: keep(ctx, inputs, output)
)

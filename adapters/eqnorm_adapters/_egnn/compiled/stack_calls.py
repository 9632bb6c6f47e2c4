"""Calls of the kernel in native/egnn/stack.h: tensors in, tensors out, no derivatives."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled.edge_calls import Problem, at, check, numbers
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs
from eqnorm_adapters._egnn.compiled.kept import lend
from eqnorm_adapters._egnn.compiled.settings import Settings
from eqnorm_adapters._egnn.compiled.tickets import Loans

PARAMETERS = len(EdgeInputs._fields) - 4 + 8  # of a layer: w1 to ba, phi_v, phi_h
_POINTERS = (
    *(
        "x",
        "h",
        "v",
        "x_out",
        "h_out",
        "parameters",
        "kept",
        "kept_edges",
        "room",
        "g_x_out",
        "g_h_out",
    ),
    *("g_x", "g_h", "g_v", "g_e", "g_parameters", "g_room"),
)


class _Stack(ctypes.Structure):
    """The same fields in the same order as `eq_stack` in C."""

    _fields_ = (
        ("edges", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("layers", "residual", "message_how", "move_how")),
        ("degree", ctypes.c_int64),
        ("degrees", ctypes.c_void_p),
        ("weight", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in _POINTERS),
    )


def forward(
    given: Sequence[Tensor | None], parameters: Sequence[Tensor | None], settings: Settings
) -> tuple[Tensor, Tensor, Tensor, Loans]:
    """Positions (N, 3) and features (N, C) of the last layer; what the gradient needs again.

    Args:
        given: x, h, v and e.
        parameters: of all layers, one after another.
        settings: of all layers.
    """
    x, h = given[0], given[1]
    assert x is not None
    assert h is not None
    layers, (nodes, width) = len(parameters) // PARAMETERS, h.shape
    stack, live, edges = _stack(given, parameters, settings)
    room = h.new_empty(room_floats(len(parameters), nodes, width, edges.scalars))
    loans = tuple(lend(edges.edges, 2 * width) if settings.keep else None for _ in range(layers))
    kept = _keep(stack, loans, edges)
    x_out = x.new_empty(x.shape)
    h_out = h.new_empty(h.shape)
    stack.x_out, stack.h_out, stack.room = x_out.data_ptr(), h_out.data_ptr(), room.data_ptr()
    check(native.loaded("egnn").eq_stack_forward(ctypes.byref(stack)), nodes)
    del live, kept
    return x_out, h_out, room, loans


def room_floats(parameters: int, nodes: int, width: int, scalars: int) -> int:
    """How many numbers the gradient needs again: of so many parameters, channels, scalars."""
    return parameters // PARAMETERS * (nodes * (6 * width + 4) + 128) + width * scalars


def backward(
    given: Sequence[Tensor | None],
    parameters: Sequence[Tensor | None],
    settings: Settings,
    room: Tensor,
    loans: Loans,
    gradients: Sequence[Tensor | None],
    wanted: tuple[bool, bool],
) -> tuple[Tensor | None, ...]:
    """Gradients of x, h, v, e and all parameters, None for what has none or is not wanted.

    Args:
        given: as in :func:`forward`, like the next two.
        parameters: of all layers.
        settings: of all layers.
        room: what that has returned, like the next.
        loans: memory of the edges, one of each layer, or none.
        gradients: of positions and features; None for zeros.
        wanted: whether those of v and e are.
    """
    x, h, v, e = given
    assert x is not None
    assert h is not None
    nodes, width = h.shape
    stack, live, edges = _stack(given, parameters, settings)
    g_x_out, g_h_out = (None if g is None else g.contiguous() for g in gradients)
    g_x, g_h = x.new_empty(x.shape), h.new_empty(h.shape)
    g_v = None if v is None or not wanted[0] else v.new_empty(v.shape)
    g_e = None if e is None or not wanted[1] else e.new_empty(e.shape)
    found: list[Tensor | None] = [None if p is None else p.new_empty(p.shape) for p in parameters]
    if g_h_out is None:  # the last update of features has no effect
        found[-4:] = [None] * 4
    addresses = _addresses(found)
    floats = nodes * (5 * width + 10) + 2 * width * (edges.scalars + 1) + 160
    g_room = h.new_empty(floats + (0 if g_e is None else g_e.numel()))
    kept = _keep(stack, loans or (None,) * stack.layers, edges)
    stack.room = room.data_ptr()
    stack.g_x_out, stack.g_h_out = at(g_x_out), at(g_h_out)
    stack.g_x, stack.g_h, stack.g_v, stack.g_e = g_x.data_ptr(), g_h.data_ptr(), at(g_v), at(g_e)
    stack.g_parameters, stack.g_room = ctypes.addressof(addresses), g_room.data_ptr()
    check(native.loaded("egnn").eq_stack_backward(ctypes.byref(stack)), nodes)
    del live, kept
    return (g_x, g_h, g_v, g_e, *found)


def _stack(
    given: Sequence[Tensor | None], parameters: Sequence[Tensor | None], settings: Settings
) -> tuple[_Stack, tuple[Any, ...], Problem]:
    """The record for the kernel, what must live as long as it is used, and what layers share."""
    dense = [None if t is None else t.contiguous() for t in given]
    weights = [None if t is None else t.contiguous() for t in parameters]
    (x, h, v, e), w1 = dense, weights[0]
    assert h is not None
    assert w1 is not None
    edges = Problem(*numbers(h.shape[0], h.shape[1], w1.shape[1] - 2 * h.shape[1], settings.edges))
    edges.threads = settings.threads
    edges.e, edges.shifts = at(e), at(settings.edges.shifts)
    addresses = _addresses(weights)
    stack = _Stack(
        *(ctypes.addressof(edges), len(weights) // PARAMETERS, settings.residual),
        *(settings.message_how, settings.move_how, settings.degree, at(settings.degrees)),
        *(settings.weight, at(x), at(h), at(v)),
    )
    stack.parameters = ctypes.addressof(addresses)
    return stack, (dense, weights, edges, addresses), edges


def _addresses(tensors: Sequence[Tensor | None]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))


def _keep(stack: _Stack, loans: Loans, edges: Problem) -> Any:
    """Tell the kernel of the loans; returns what must live as long as it is used."""
    blocks = _addresses([None if loan is None else loan.block for loan in loans])
    counts = [0 if loan is None else min(loan.edges, edges.edges) for loan in loans]
    numbers_of = (ctypes.c_int64 * len(counts))(*counts)
    stack.kept, stack.kept_edges = ctypes.addressof(blocks), ctypes.addressof(numbers_of)
    return blocks, numbers_of

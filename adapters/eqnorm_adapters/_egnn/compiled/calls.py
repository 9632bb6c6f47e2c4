"""Calls of the kernel in native/egnn/stack.h: tensors in, tensors out, no derivatives."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm.functional.between import PARAMETERS as OF_NORM
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled.edge_calls import Problem, at, check, numbers
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Values
from eqnorm_adapters._egnn.compiled.kept import Loans, lend
from eqnorm_adapters._egnn.compiled.norm_calls import g_room_floats, records
from eqnorm_adapters._egnn.compiled.norm_calls import room_floats as of_norms_floats
from eqnorm_adapters._egnn.compiled.settings import Settings
from eqnorm_adapters._egnn.norms import Slots, count, reads_features_at_the_end

INPUTS = 5  # before the parameters: x, h, v, e, vectors
PARAMETERS = len(EdgeInputs._fields) - 4 + 8  # of a layer: w1 to ba, phi_v, phi_h
_NUMBERS = ("layers", "update", "residual", "message_how", "move_how", "degree")
_POINTERS = (
    *("x", "h", "v", "x_out", "h_out", "parameters", "kept", "kept_edges", "norms", "room"),
    *("g_x_out", "g_h_out"),
    *("g_x", "g_h", "g_v", "g_e", "g_parameters", "g_room"),
)


class _Stack(ctypes.Structure):
    """The same fields in the same order as `eq_stack` in C."""

    _fields_ = (
        ("edges", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in _NUMBERS),
        ("degrees", ctypes.c_void_p),
        ("weight", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in _POINTERS),
    )


def split(flat: Values, slots: Slots) -> tuple[Values, Values, Values]:
    """Of all tensors those before parameters, the parameters of layers, and those of norms."""
    end = len(flat) - count(slots)
    return flat[:INPUTS], flat[INPUTS:end], flat[end:]


def forward(
    flat: Values, settings: Settings, slots: Slots = ()
) -> tuple[Tensor, Tensor, Tensor, Loans]:
    """Positions (N, 3), or updates of them, and features (N, C); what the gradient needs again.

    Args:
        flat: x, h, v, e and vectors, then the parameters of all layers, one after another, then
            those of all norms.
        settings: of all layers.
        slots: norms of features, updates and positions, () for none.
    """
    x, h = flat[:2]
    assert x is not None
    assert h is not None
    nodes, width = h.shape
    stack, live, edges, dense = _stack(flat, settings, slots)
    room = h.new_empty(room_floats(flat, slots))
    loans = tuple(
        lend(edges.edges, 2 * width) if settings.keep else None for _ in range(stack.layers)
    )
    kept = _keep(stack, loans, edges)
    stack.norms, live_norms = records(slots, dense[0], dense[2], split(dense, slots)[2], room)
    x_out, h_out = torch.empty_like(dense[0]), torch.empty_like(dense[1])
    stack.x_out, stack.h_out, stack.room = x_out.data_ptr(), h_out.data_ptr(), room.data_ptr()
    check(native.loaded("egnn").eq_stack_forward(ctypes.byref(stack)), nodes)
    del live, kept, live_norms
    return x_out, h_out, room, loans


def room_floats(flat: Values, slots: Slots = ()) -> int:
    """How many numbers the gradient needs again."""
    (_, h, *_), weights, of_norms = split(flat, slots)
    w1 = weights[0]
    assert h is not None
    assert w1 is not None
    nodes, width = h.shape
    layers = len(weights) // PARAMETERS
    floats = layers * (nodes * (6 * width + 4) + 128) + width * (w1.shape[1] - 2 * width)
    if not slots:
        return floats
    # Even: norms keep numbers of twice the size.
    return floats + floats % 2 + of_norms_floats(nodes, width, layers, slots, of_norms)


def backward(
    flat: Values,
    settings: Settings,
    room: Tensor,
    loans: Loans,
    gradients: Values,
    wants: Sequence[bool],
    slots: Slots = (),
    h_out: Tensor | None = None,
) -> tuple[Tensor | None, ...]:
    """Gradients of all tensors; None for what has none, or is not wanted of x, v and e.

    Args:
        flat: as in :func:`forward`, like the next.
        settings: of all layers.
        room: what that has returned, like the next.
        loans: memory of the edges, one of each layer, or none.
        gradients: of both results; None for zeros.
        wants: of all tensors, whether their gradient is wanted.
        slots: norms of features, updates and positions, () for none.
        h_out: the features that came out, for norms.
    """
    stack, live, edges, dense = _stack(flat, settings, slots)
    # Like those that are contiguous: what is filled by address must be so too.
    (x, h, v, e, vectors), parameters, of_norms = split(dense, slots)
    assert x is not None
    assert h is not None
    nodes, width = h.shape
    g_x_out, g_h_out = (None if g is None else g.contiguous() for g in gradients)
    g_x = torch.empty_like(x) if wants[0] or not settings.update else None
    g_h = torch.empty_like(h)
    g_v = None if v is None or not wants[2] else torch.empty_like(v)
    g_e = None if e is None or not wants[3] else torch.empty_like(e)
    g_vectors = None if vectors is None else torch.empty_like(vectors)
    found = _like(parameters)
    g_norms = _like(of_norms)
    if g_h_out is None and not reads_features_at_the_end(slots):
        found[-4:] = [None] * 4  # the last update of features has no effect
    if g_x_out is None:  # nor has that of positions
        found[-8:-4] = [None] * 4
        if stack.layers == 1:
            g_v = None
        for slot in slots[-2:]:
            if slot is not None:
                del g_norms[-OF_NORM:]
        g_norms += [None] * (len(of_norms) - len(g_norms))
    addresses = _addresses(found)
    floats = nodes * (5 * width + 10) + 2 * width * (edges.scalars + 1) + 160
    floats += g_room_floats(nodes, width, slots)
    g_room = h.new_empty(floats + (0 if g_e is None else g_e.numel()))
    edges.g_vectors = at(g_vectors)
    kept = _keep(stack, loans or (None,) * stack.layers, edges)
    wanted = (wants[0], g_v is not None)
    stack.norms, live_norms = records(slots, x, v, of_norms, room, g_norms, wanted)
    stack.room, stack.h_out = room.data_ptr(), at(h_out)
    stack.g_x_out, stack.g_h_out = at(g_x_out), at(g_h_out)
    stack.g_x, stack.g_h, stack.g_v, stack.g_e = at(g_x), g_h.data_ptr(), at(g_v), at(g_e)
    stack.g_parameters, stack.g_room = ctypes.addressof(addresses), g_room.data_ptr()
    check(native.loaded("egnn").eq_stack_backward(ctypes.byref(stack)), nodes)
    del live, kept, live_norms
    return (g_x, g_h, g_v, g_e, g_vectors, *found, *g_norms)


def _like(tensors: Values) -> list[Tensor | None]:
    # With new_empty in its place this takes twice as long: 70 µs for the 62 parameters of 4 layers.
    return [None if t is None else torch.empty_like(t) for t in tensors]


def _stack(
    flat: Values, settings: Settings, slots: Slots
) -> tuple[_Stack, tuple[Any, ...], Problem, list[Any]]:
    """The record for the kernel, what must live as long, what layers share, and all contiguous."""
    dense = [None if t is None else t.contiguous() for t in flat]
    (x, h, v, e, vectors), weights, _ = split(dense, slots)
    w1 = weights[0]
    assert h is not None
    assert w1 is not None
    edges = Problem(*numbers(h.shape[0], h.shape[1], w1.shape[1] - 2 * h.shape[1], settings.edges))
    edges.threads = settings.threads
    edges.e, edges.vectors, edges.shifts = at(e), at(vectors), at(settings.edges.shifts)
    addresses = _addresses(weights)
    stack = _Stack(
        *(ctypes.addressof(edges), len(weights) // PARAMETERS, settings.update),
        *(settings.residual, settings.message_how, settings.move_how, settings.degree),
        *(at(settings.degrees), settings.weight, at(x), at(h), at(v)),
    )
    stack.parameters = ctypes.addressof(addresses)
    return stack, (edges, addresses), edges, dense


def _addresses(tensors: Sequence[Tensor | None]) -> ctypes.Array[ctypes.c_void_p]:
    found = [None if t is None else t.data_ptr() for t in tensors]
    return (ctypes.c_void_p * len(found))(*found)


def _keep(stack: _Stack, loans: Loans, edges: Problem) -> Any:
    """Tell the kernel of the loans; returns what must live as long as it is used."""
    blocks = _addresses([None if loan is None else loan.block for loan in loans])
    counts = [0 if loan is None else min(loan.edges, edges.edges) for loan in loans]
    numbers_of = (ctypes.c_int64 * len(counts))(*counts)
    stack.kept, stack.kept_edges = ctypes.addressof(blocks), ctypes.addressof(numbers_of)
    return blocks, numbers_of

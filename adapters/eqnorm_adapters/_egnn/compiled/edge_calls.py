"""Calls of the kernel in native/egnn: tensors in, tensors out, no derivatives."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.nn import functional as F

from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.padding import MULTIPLE, cut, padded

_NUMBERS = (
    "nodes",
    "edges",
    "channels",
    "scalars",
    "stride",
    "size",
    "threads",
    "bound",
    "halves",
    "kept_edges",
)
_GIVEN = ("a", "b", "x", "e", "vectors", "shifts", "w1", "w2", "b2", "w3", "b3", "w4", "wa", "ba")
_SUMS = ("messages", "moves", "g_messages", "g_moves")
SHAPED = ("w2", "b2", "w3", "b3", "w4", "wa", "ba")  # parameters whose gradients come as they are
_GRADIENTS = ("g_a", "g_b", "g_x", "g_e", "g_vectors", "g_w1", *(f"g_{name}" for name in SHAPED))


class Problem(ctypes.Structure):
    """The same fields in the same order as `eq_egnn` in C."""

    _fields_ = tuple((name, ctypes.c_int64) for name in _NUMBERS) + tuple(
        (name, ctypes.c_void_p)
        for name in ("senders", "receivers", *_GIVEN, *_SUMS, "kept", *_GRADIENTS)
    )


def has_bfloat16() -> bool:
    """Whether the kernel is there and this processor multiplies numbers of bfloat16."""
    lib = native.load("egnn")
    return lib is not None and bool(lib.eq_egnn_bfloat16())


def first_shape(h: Tensor) -> tuple[int, int]:
    """Of the first products at nodes, receivers' before senders', for features (N, C)."""
    return h.shape[0], 2 * (h.shape[1] + -h.shape[1] % MULTIPLE)


def forward(given: EdgeInputs, edges: Edges) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of messages (N, C) and of weighted vectors (N, 3), and first products (N, 2 C')."""
    width = given.h.shape[1]
    w = padded(given)
    first = given.h.new_empty(first_shape(given.h))
    at_receiver, at_sender, _ = _split(w.w1, width)
    channels = w.b2.shape[0]
    torch.addmm(w.b1, given.h, at_receiver.t(), out=first[:, :channels])
    torch.mm(given.h, at_sender.t(), out=first[:, channels:])
    messages, moves = given.h.new_empty(given.h.shape[0], channels), torch.empty_like(w.x)
    problem, keep = _problem(w, edges, first)
    problem.messages, problem.moves = messages.data_ptr(), moves.data_ptr()
    _call("eq_egnn_forward", problem)
    del keep
    return messages[:, :width].contiguous(), moves, first


def backward(
    given: EdgeInputs,
    edges: Edges,
    first: Tensor,
    g_messages: Tensor | None,
    g_moves: Tensor | None,
    wants_x: bool,
    wants_e: bool,
) -> EdgeInputs:
    """Gradients of all inputs from those of both sums; None for x and e that are not wanted."""
    width = given.h.shape[1]
    w = padded(given)
    problem, keep = _problem(w, edges, first)
    channels, scalars = w.b2.shape[0], problem.scalars
    if g_messages is not None:
        if channels > width:
            g_messages = F.pad(g_messages, (0, channels - width))
        g_messages = g_messages.contiguous()
        problem.g_messages = g_messages.data_ptr()
    if g_moves is not None:
        g_moves = g_moves.contiguous()
        problem.g_moves = g_moves.data_ptr()
    g_first = torch.empty_like(first)
    problem.g_a, problem.g_b = g_first.data_ptr(), g_first.data_ptr() + 4 * channels
    g_x = torch.empty_like(w.x) if wants_x else None
    g_e = torch.empty_like(w.e) if wants_e and w.e is not None else None
    g_scalars = first.new_empty(scalars + scalars % 2, channels)
    g_vectors = None if w.vectors is None else torch.empty_like(w.vectors)
    problem.g_x, problem.g_e, problem.g_vectors = at(g_x), at(g_e), at(g_vectors)
    problem.g_w1 = g_scalars.data_ptr()
    found: dict[str, Tensor | None] = {}
    for name in SHAPED:
        value = getattr(w, name)
        found[name] = grad = None if value is None else torch.empty_like(value)
        setattr(problem, f"g_{name}", at(grad))
    _call("eq_egnn_backward", problem)
    del keep
    g_a, g_b = g_first[:, :channels], g_first[:, channels:]
    at_receiver, at_sender, _ = _split(w.w1, width)
    g_w1 = torch.empty_like(w.w1)
    for rows, part in zip((g_a, g_b), _split(g_w1, width), strict=False):
        torch.mm(rows.t(), given.h, out=part)
    g_w1[:, 2 * width :] = g_scalars[:scalars].t()
    g_h = torch.addmm(g_a @ at_receiver, g_b, at_sender)
    gradients = EdgeInputs(g_h, w.x, w.e, None, g_w1, g_a.sum(0), **found)  # type: ignore[arg-type]
    return cut(gradients, width)._replace(x=g_x, e=g_e, vectors=g_vectors)  # type: ignore[arg-type]


def _problem(w: EdgeInputs, edges: Edges, first: Tensor) -> tuple[Problem, tuple[object, ...]]:
    """The record for the kernel, and the tensors that must live as long as it is used.

    All are dense, in the layout of native/egnn/egnn.h.
    """
    scalars = w.w1[:, 2 * w.h.shape[1] :].t().contiguous()
    channels, start = w.b2.shape[0], first.data_ptr()
    record = Problem(
        *numbers(w.h.shape[0], channels, scalars.shape[0], edges),
        *(start, start + 4 * channels, w.x.data_ptr(), at(w.e), at(w.vectors), at(edges.shifts)),
        *(scalars.data_ptr(), *(at(value) for value in w[-len(SHAPED) :])),
    )
    return record, (w, edges, first, scalars)


def numbers(nodes: int, channels: int, scalars: int, edges: Edges) -> tuple[int | None, ...]:
    """The first fields of a record, up to the receivers."""
    size, senders = edges.size, edges.senders
    count = nodes * (size - 1) if senders is None else senders.shape[0]
    threads = torch.get_num_threads()
    return (
        *(nodes, count, channels, scalars, 2 * channels, size, threads),
        *(edges.bound, edges.halves, 0, at(senders), at(edges.receivers)),
    )


def _call(name: str, problem: Problem) -> None:
    check(getattr(native.loaded("egnn"), name)(ctypes.byref(problem)), problem.nodes)


def check(wrong: int, nodes: int) -> None:
    """Raise what a kernel has found wrong."""
    if wrong & 2:
        raise IndexError(f"an edge joins a node outside of 0..{nodes - 1}")
    if wrong:
        raise MemoryError("no memory for the sums over edges")


def at(value: Tensor | None) -> int | None:
    """The address of the numbers."""
    return None if value is None else value.data_ptr()


def _split(w1: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    return w1[:, :width], w1[:, width : 2 * width], w1[:, 2 * width :]

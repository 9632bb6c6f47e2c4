"""Calls of the kernel in native/conv: tensors in, tensors out, no derivatives."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters import native

_NUMBERS = (
    *("nodes", "edges", "hidden", "in_width", "out_width", "weight_width"),
    *("harmonics", "matrix", "paths_count", "threads", "mirrored"),
)
_POINTERS = (
    *("senders", "receivers", "paths", "terms", "values", "h", "y", "phi", "w", "m"),
    *("g", "g_h", "g_y", "g_phi", "g_w"),
)


class _Problem(ctypes.Structure):
    """The same fields in the same order as `eq_conv` in C."""

    _fields_ = tuple((name, ctypes.c_int64) for name in _NUMBERS) + tuple(
        (name, ctypes.c_void_p) for name in _POINTERS
    )


class ConvInputs(NamedTuple):
    """What the sums depend on.

    Attributes:
        h: features in the kernel's order, shape (N, D').
        y: harmonics, shape (E, (lmax+1)^2).
        phi: hidden radial features, shape (E, H), H a multiple of 16.
        w: weights in the kernel's order, shape (H, W').
    """

    h: Tensor
    y: Tensor
    phi: Tensor
    w: Tensor


class ConvEdges(NamedTuple):
    """Which edges there are, and which paths.

    Attributes:
        senders: of edges, shape (E,), int64.
        receivers: the same.
        paths: see :class:`eqnorm_adapters._conv.layout.Layout`.
        terms: as above.
        values: as above.
        out_width: as above.
        mirrored: whether every edge stands for its opposite too.
    """

    senders: Tensor
    receivers: Tensor
    paths: Tensor
    terms: Tensor
    values: Tensor
    out_width: int
    mirrored: bool


def forward(given: ConvInputs, edges: ConvEdges) -> Tensor:
    """Sums of messages in the kernel's order, shape (N, out_width)."""
    given, edges = _dense(given, edges)
    problem = _problem(given, edges)
    sums = given.h.new_empty(given.h.shape[0], edges.out_width)
    problem.m = sums.data_ptr()
    _call("eq_conv_forward", problem)
    return sums


def backward(
    given: ConvInputs, edges: ConvEdges, g: Tensor, wants_y: bool
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Gradients of all inputs; None for y where it is not wanted."""
    given, edges = _dense(given, edges)
    problem, g = _problem(given, edges), g.contiguous()
    g_h, g_phi, g_w = (torch.empty_like(t) for t in (given.h, given.phi, given.w))
    g_y = torch.empty_like(given.y) if wants_y else None
    problem.g, problem.g_h, problem.g_phi = g.data_ptr(), g_h.data_ptr(), g_phi.data_ptr()
    problem.g_w, problem.g_y = g_w.data_ptr(), None if g_y is None else g_y.data_ptr()
    _call("eq_conv_backward", problem)
    return g_h, g_y, g_phi, g_w


def _dense(given: ConvInputs, edges: ConvEdges) -> tuple[ConvInputs, ConvEdges]:
    rows = edges._replace(
        senders=edges.senders.contiguous(), receivers=edges.receivers.contiguous()
    )
    return ConvInputs(*(t.contiguous() for t in given)), rows


def _problem(given: ConvInputs, edges: ConvEdges) -> _Problem:
    """The record for the kernel; the tensors must live as long as it is used."""
    h, y, phi, w = given
    tables = (edges.senders, edges.receivers, edges.paths, edges.terms, edges.values)
    last = edges.paths[-1].tolist()
    return _Problem(
        *(h.shape[0], y.shape[0], phi.shape[1], h.shape[1], edges.out_width, w.shape[1]),
        *(y.shape[1], last[6] + last[1] * last[3], edges.paths.shape[0]),
        *(torch.get_num_threads(), edges.mirrored),
        *(t.data_ptr() for t in (*tables, *given)),
    )


def _call(name: str, problem: _Problem) -> None:
    wrong = getattr(native.loaded("conv"), name)(ctypes.byref(problem))
    if wrong & 2:
        raise IndexError(f"an edge joins a node outside of 0..{problem.nodes - 1}")
    if wrong:
        raise MemoryError("no memory for the sums over edges")

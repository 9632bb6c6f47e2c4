"""Calls of the kernel in native/egnn/layer.h: tensors in, tensors out, no derivatives."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled import rows
from eqnorm_adapters._egnn.compiled.edge_calls import SHAPED, Problem, at, check, record
from eqnorm_adapters._egnn.compiled.kept import Loan, lend
from eqnorm_adapters._egnn.compiled.padding import dense

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.compiled.in_one import Values
    from eqnorm_adapters._egnn.compiled.settings import Settings
    from eqnorm_adapters._egnn.compiled.whole_layer import Inputs

_POINTERS = (
    *("h", "w1", "b1", "v", "first", "scalars", "g_update", "g_total"),
    *("g_messages", "g_moves", "g_factor", "g_h", "g_v", "g_w1", "g_b1"),
)


class _Layer(ctypes.Structure):
    """The same fields in the same order as `eq_layer` in C."""

    _fields_ = (
        ("edges", ctypes.c_void_p),
        ("velocity", ctypes.c_void_p),
        ("nodes", ctypes.c_void_p),
        ("message_how", ctypes.c_int64),
        ("move_how", ctypes.c_int64),
        ("degree", ctypes.c_int64),
        ("degrees", ctypes.c_void_p),
        ("weight", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in _POINTERS),
    )


Kept = tuple[Tensor | None, ...]


def forward(
    given: Inputs, settings: Settings
) -> tuple[Tensor, Tensor, Tensor | None, Kept, Loan | None]:
    """Updates of positions, totals of messages, new features if there is phi_h; what to keep.

    The gradient needs again: first products at nodes, hidden features and factors of phi_v, hidden
    features of phi_h, and the totals if there is phi_h. With the last, what the edges have kept, it
    is faster.
    """
    given = _dense(given)
    h, x = given.edges.h, given.edges.x
    nodes, width = h.shape
    first, update, total = h.new_empty(nodes, 2 * width), torch.empty_like(x), torch.empty_like(h)
    scalars = h.new_empty(_scalars(given), width)
    edges = record(given.edges, settings.edges, first, scalars)
    edges.threads = settings.threads
    edges.messages, edges.moves = total.data_ptr(), update.data_ptr()
    loan = lend(edges.edges, 2 * width) if settings.keep else None
    _keep(edges, loan)
    layer = _layer(given, settings, edges, first, scalars)
    hidden = factor = updated = features = None
    if given.v is not None:
        hidden, factor = torch.empty_like(h), h.new_empty(nodes, 1)
        velocity = rows.record((h, None, *given.phi_v), False, u=hidden, y=factor)
        layer.velocity = ctypes.addressof(velocity)
    if given.phi_h[0] is not None:
        updated, features = torch.empty_like(h), torch.empty_like(h)
        network = rows.record((h, total, *given.phi_h), settings.residual, u=updated, y=features)
        layer.nodes = ctypes.addressof(network)
    check(native.loaded("egnn").eq_layer_forward(ctypes.byref(layer)), nodes)
    return (
        update,
        total,
        features,
        (first, hidden, factor, updated, total if features is not None else None),
        loan,
    )


def backward(
    given: Inputs,
    settings: Settings,
    kept: Values,
    gradients: Values,
    wanted: tuple[bool, bool, bool],
    loan: Loan | None,
) -> Kept:
    """Gradients of all inputs in their order, None for what has none or is not wanted.

    Args:
        given: the inputs.
        settings: as in :func:`forward`.
        kept: what that has kept.
        gradients: of the updates, and of the totals or new features; None for zeros.
        wanted: whether those of x, e and v are.
        loan: what the edges have kept, or None.
    """
    (g_update, g_second), (wants_x, wants_e, wants_v) = gradients, wanted
    given = _dense(given)
    first, hidden, factor, updated, total = kept
    assert first is not None
    h, x, e = given.edges.h, given.edges.x, given.edges.e
    nodes, width = h.shape
    g_first, g_h, g_w1 = (
        torch.empty_like(first),
        torch.empty_like(h),
        torch.empty_like(given.edges.w1),
    )
    g_b1, sums = torch.empty_like(given.edges.b1), torch.empty_like(h)
    count = _scalars(given)
    scalars, g_scalars = h.new_empty(count, width), h.new_empty(count + count % 2, width)
    edges = record(given.edges, settings.edges, first, scalars)
    layer = _layer(given, settings, edges, g_first, scalars)
    g_x = torch.empty_like(x) if wants_x else None
    g_e = torch.empty_like(e) if wants_e and e is not None else None
    edges.g_a, edges.g_b = g_first.data_ptr(), g_first.data_ptr() + 4 * width
    edges.threads = settings.threads
    _keep(edges, loan)
    vectors = given.edges.vectors
    g_vectors = None if vectors is None else torch.empty_like(vectors)
    edges.g_x, edges.g_e, edges.g_vectors = at(g_x), at(g_e), at(g_vectors)
    edges.g_w1 = g_scalars.data_ptr()
    shaped = [
        None if (w := getattr(given.edges, n)) is None else torch.empty_like(w) for n in SHAPED
    ]
    for name, value in zip(SHAPED, shaped, strict=True):
        setattr(edges, f"g_{name}", at(value))
    layer.g_h, layer.g_w1, layer.g_b1 = g_h.data_ptr(), g_w1.data_ptr(), g_b1.data_ptr()
    layer.g_messages = sums.data_ptr()
    g_v, of_v, of_h = None, _NONE, _NONE
    if g_second is not None:
        g_second = g_second.contiguous()
        edges.g_messages = sums.data_ptr()
        if updated is None:
            layer.g_total = g_second.data_ptr()
        else:
            of_h, places = _gradients(given.phi_h)
            places |= {"u": updated, "g_y": g_second, "g_p": g_h, "g_q": sums}
            network = rows.record((h, total, *given.phi_h), settings.residual, **places)
            layer.nodes = ctypes.addressof(network)
    if g_update is not None:
        g_update, moves = g_update.contiguous(), torch.empty_like(x)
        layer.g_update = g_update.data_ptr()
        layer.g_moves = edges.g_moves = moves.data_ptr()
        if factor is not None:
            g_factor, g_v = torch.empty_like(factor), torch.empty_like(x) if wants_v else None
            of_v, places = _gradients(given.phi_v)
            places |= {"u": hidden, "y": factor, "g_y": g_factor, "g_p": g_h}
            velocity = rows.record((h, None, *given.phi_v), False, **places)
            velocity.more = True  # the gradient of features holds what phi_h or nothing gives
            layer.g_factor, layer.g_v = g_factor.data_ptr(), at(g_v)
            layer.velocity = ctypes.addressof(velocity)
    check(native.loaded("egnn").eq_layer_backward(ctypes.byref(layer)), nodes)
    return (g_h, g_x, g_e, g_vectors, g_w1, g_b1, *shaped, g_v, *of_v, *of_h)


def _keep(edges: Problem, loan: Loan | None) -> None:
    if loan is not None:
        edges.kept, edges.kept_edges = loan.block.data_ptr(), min(loan.edges, edges.edges)


_NONE: Kept = (None, None, None, None)


def _gradients(network: Kept) -> tuple[Kept, dict[str, Tensor | None]]:
    """Room for the gradients of W1, b1, W2 and b2, and the names of the places."""
    found = tuple(None if w is None else torch.empty_like(w) for w in network)
    return found, dict(zip(("g_w1", "g_b1", "g_w2", "g_b2"), found, strict=True))


def _scalars(given: Inputs) -> int:
    return given.edges.w1.shape[1] - 2 * given.edges.h.shape[1]


def _dense(given: Inputs) -> Inputs:
    v = None if given.v is None else given.v.contiguous()
    networks = [tuple(None if t is None else t.contiguous() for t in n) for n in given[2:]]
    return type(given)(dense(given.edges), v, *networks)


def _layer(
    given: Inputs, settings: Settings, edges: Problem, first: Tensor, scalars: Tensor
) -> _Layer:
    inner = given.edges
    return _Layer(
        *(ctypes.addressof(edges), None, None, settings.message_how, settings.move_how),
        *(settings.degree, at(settings.degrees), settings.weight, inner.h.data_ptr()),
        *(inner.w1.data_ptr(), inner.b1.data_ptr(), at(given.v), first.data_ptr()),
        scalars.data_ptr(),
    )

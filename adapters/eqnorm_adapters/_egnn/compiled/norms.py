"""Norms of updates and of positions that run between layers within the same compiled call."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm.functional.in_c import Between, Record, between
from eqnorm_adapters._egnn.compiled.inputs import Values
from eqnorm_adapters._hooked import hooked

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

PARAMETERS = 9  # of a norm, None for what it has not
Slots = tuple[Between | None, ...]  # of each layer that of its update, then that of its positions


def norms_of(
    layers: Iterable[EGNNLayer], x: Tensor, h: Tensor, graph: Graph, v: Tensor | None
) -> tuple[Slots, list[Tensor | None]] | None:
    """The norms of all layers, () for none, and their parameters; None where one must be called."""
    found: list[Between | None] = []
    parameters: list[Tensor | None] = []
    like = x.detach()  # what a norm gets is not known yet, and must not be taken for x0
    for layer in layers:
        for norm in (layer.update_norm, layer.norm):
            if norm is None:
                found.append(None)
                continue
            # The compiler sees into norms: they are plain operations there.
            if torch.compiler.is_compiling() or any(map(hooked, norm.modules())):
                return None
            written = between(norm, like, graph, x, v, h)
            if written is None:
                return None
            found.append(written[0])
            parameters += written[1]
    return (() if not parameters else tuple(found)), parameters


class Own(NamedTuple):
    """Memory of the norms' own, between the rest of that of all layers.

    Attributes:
        room: float32 numbers from the forward pass to the gradient.
        g_room: float32 numbers in the backward pass.
    """

    room: int
    g_room: int


def memory(nodes: int, width: int, layers: int, slots: Slots, parameters: Values) -> Own:
    """How much they need; what they keep comes last."""
    if not slots:
        return Own(0, 0)
    before = layers * (6 * nodes + 32)
    return Own(before + sum(_kept(nodes, slots, parameters)), nodes * (2 * width + 15) + 96)


def _kept(nodes: int, slots: Slots, parameters: Values) -> list[int]:
    """Of each norm, in float32 numbers."""
    pairs = zip(_present(slots), _each(parameters), strict=True)
    return [2 * slot.kept(nodes, own) for slot, own in pairs]


def _present(slots: Slots) -> list[Between]:
    return [slot for slot in slots if slot is not None]


def _each(parameters: Values) -> list[Values]:
    """Of each norm its own."""
    return [parameters[n : n + PARAMETERS] for n in range(0, len(parameters), PARAMETERS)]


def records(
    slots: Slots,
    x: Tensor,
    v: Tensor | None,
    parameters: Values,
    room: Tensor,
    gradients: Values = (),
    wants: tuple[bool, bool] = (False, False),
) -> tuple[int, Any]:
    """Address of what the kernel is told of norms, 0 for none; what must live as long.

    Args:
        slots: the norms.
        x: initial points, contiguous like the next ones.
        v: initial velocities.
        parameters: of all norms.
        room: of all layers.
        gradients: of all parameters, to be filled.
        wants: whether gradients of x and v are wanted.
    """
    if not slots:
        return 0, None
    sizes = _kept(x.shape[0], slots, parameters)
    kept = room.data_ptr() + room.element_size() * (room.numel() - sum(sizes))
    made, live = [], []
    each = zip(_each(parameters), _each(gradients) or [()] * len(sizes), sizes, strict=True)
    for slot in slots:
        if slot is None:
            made.append(Record())
            continue
        own, of_own, size = next(each)
        record, numbers = slot.record(x, v, own, kept, of_own, wants)
        kept += room.element_size() * size
        made.append(record)
        live.append(numbers)
    table = (Record * len(made))(*made)
    return ctypes.addressof(table), (table, live)


def plain(
    slot: Between | None,
    value: Tensor,
    x0: Tensor,
    v: Tensor | None,
    h: Tensor,
    parameters: Sequence[Tensor | None],
) -> Tensor:
    """A norm by plain operations; ``value`` where there is none."""
    return value if slot is None else slot.plain(value, x0, v, h, parameters)

"""What the kernel of all layers is told of the norms between them."""

from __future__ import annotations

import ctypes
from typing import Any

from torch import Tensor

from eqnorm.functional.between import Record
from eqnorm_adapters._egnn.norms import Slots, Values, each


def room_floats(nodes: int, width: int, layers: int, slots: Slots, parameters: Values) -> int:
    """Numbers of the norms' own from the forward pass to the gradient; what they keep is last."""
    if not slots:
        return 0
    return layers * (nodes * (width + 6) + 48) + sum(_kept(nodes, slots, parameters))


def g_room_floats(nodes: int, width: int, slots: Slots) -> int:
    """Numbers of the norms' own in the backward pass."""
    return nodes * (3 * width + 15) + 112 if slots else 0


def _kept(nodes: int, slots: Slots, parameters: Values) -> list[int]:
    """Of each norm, in float32 numbers."""
    present = (slot for slot in slots if slot is not None)
    both = zip(present, each(parameters), strict=True)
    return [2 * slot.kept(nodes, own) for slot, own in both]


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
    of_each = list(each(gradients)) or [()] * len(sizes)
    own = zip(each(parameters), of_each, sizes, strict=True)
    made, live = [], []
    for slot in slots:
        if slot is None:
            made.append(Record())
            continue
        given, found, size = next(own)
        record, table = slot.record(x, v, given, kept, found, wants)
        kept += room.element_size() * size
        made.append(record)
        live.append(table)
    whole = (Record * len(made))(*made)
    return ctypes.addressof(whole), (whole, live)

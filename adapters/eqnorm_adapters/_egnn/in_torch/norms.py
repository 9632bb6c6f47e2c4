"""Norms between layers in torch, within the one function of all: forward and back by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from eqnorm.functional.between import PARAMETERS
from eqnorm_adapters._egnn.norms import Pair


class Start(NamedTuple):
    """What all norms see of where the system started, and whether its gradients are wanted.

    Attributes:
        x: initial points, shape (N, 3).
        v: initial velocities, shape (N, 3), or None.
        wants: of both.
    """

    x: Tensor
    v: Tensor | None
    wants: tuple[bool, bool] = (False, False)


class Gradients(NamedTuple):
    """What a norm hands back, each None where there is nothing."""

    value: Tensor | None
    x0: Tensor | None
    v: Tensor | None
    h: Tensor | None
    parameters: tuple[Tensor | None, ...]


def normed(pair: Pair, value: Tensor, start: Start, h: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The norm of a value, and what :func:`gradients_of` needs, nothing without norm."""
    slot, parameters = pair
    if slot is None:
        return value, []
    y, kept = slot.forward(value, start.x, start.v, h, parameters)
    return y, [value, *kept]


def gradients_of(
    pair: Pair, g: Tensor | None, start: Start, h: Tensor, saved: Sequence[Tensor]
) -> Gradients:
    """Of all that went in."""
    slot, parameters = pair
    if slot is None:
        return Gradients(g, None, None, None, ())
    value, *kept = saved
    if g is None:
        return Gradients(None, None, None, None, (None,) * PARAMETERS)
    found = slot.backward(g, value, start.x, start.v, h, parameters, kept, start.wants)
    return Gradients(found[0], found[1], found[2], found[3], found[4:])

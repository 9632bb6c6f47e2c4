"""Norms of updates and of positions within the one function of all layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm.functional.between import Between, between
from eqnorm_adapters._hooked import hooked

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

PARAMETERS = 9  # of a norm, None for what it has not
Slots = tuple[Between | None, ...]  # of each layer that of its update, then that of its positions
Values = Sequence[Tensor | None]


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


def count(slots: Slots) -> int:
    """How many tensors are parameters of norms."""
    return PARAMETERS * sum(slot is not None for slot in slots)


def pairs(slots: Slots, parameters: Values, layers: int) -> list[tuple[Pair, Pair]]:
    """Of each layer the norm of its update and that of its positions, with their parameters."""
    if not slots:
        return [(_NO_PAIR, _NO_PAIR)] * layers
    own = each(parameters)
    found = [_NO_PAIR if slot is None else (slot, next(own)) for slot in slots]
    return list(zip(found[::2], found[1::2], strict=True))


def each(parameters: Values) -> Iterator[Values]:
    """The parameters of each norm."""
    for start in range(0, len(parameters), PARAMETERS):
        yield parameters[start : start + PARAMETERS]


Pair = tuple[Between | None, Values]
_NO_PAIR: Pair = (None, ())


def plain(pair: Pair, value: Tensor, x0: Tensor, v: Tensor | None, h: Tensor) -> Tensor:
    """A norm by plain operations; ``value`` where there is none."""
    slot, parameters = pair
    return value if slot is None else slot.plain(value, x0, v, h, parameters)

"""Norms of features, updates and positions within the one function of all layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm.functional.between import PARAMETERS, Between, between
from eqnorm_adapters._hooked import hooked

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

# Of each layer that of its features, before it, that of its update, then that of its positions.
Slots = tuple[Between | None, ...]
Values = Sequence[Tensor | None]
Pair = tuple[Between | None, Values]  # a norm and its parameters


class Norms(NamedTuple):
    """Those of a layer.

    Attributes:
        features: before it.
        update: of its update of positions.
        place: of the positions after it.
    """

    features: Pair
    update: Pair
    place: Pair


_NO_PAIR: Pair = (None, ())


def norms_of(
    layers: Iterable[EGNNLayer], x: Tensor, h: Tensor, graph: Graph, v: Tensor | None
) -> tuple[Slots, list[Tensor | None]] | None:
    """The norms of all layers, () for none, and their parameters; None where one must be called."""
    found: list[Between | None] = []
    parameters: list[Tensor | None] = []
    like = x.detach()  # what a norm gets is not known yet, and must not be taken for x0
    for layer in layers:
        of_points = (layer.update_norm, like), (layer.norm, like)
        for norm, value in ((layer.feature_norm, h), *of_points):
            if norm is None:
                found.append(None)
                continue
            # The compiler sees into norms: they are plain operations there.
            if torch.compiler.is_compiling() or any(map(hooked, norm.modules())):
                return None
            written = between(norm, value, graph, x, v, h)
            if written is None:
                return None
            found.append(written[0])
            parameters += written[1]
    return (() if not parameters else tuple(found)), parameters


def count(slots: Slots) -> int:
    """How many tensors are parameters of norms."""
    return PARAMETERS * sum(slot is not None for slot in slots)


def norms_by_layer(slots: Slots, parameters: Values, layers: int) -> list[Norms]:
    """The norms of each layer with their parameters."""
    if not slots:
        return [Norms(_NO_PAIR, _NO_PAIR, _NO_PAIR)] * layers
    own = each(parameters)
    found = [_NO_PAIR if slot is None else (slot, next(own)) for slot in slots]
    return [Norms(*found[start : start + 3]) for start in range(0, len(found), 3)]


def reads_features_at_the_end(slots: Slots) -> bool:
    """Whether the norm of the last positions does."""
    return bool(slots) and slots[-1] is not None and slots[-1].h


def each(parameters: Values) -> Iterator[Values]:
    """The parameters of each norm."""
    for start in range(0, len(parameters), PARAMETERS):
        yield parameters[start : start + PARAMETERS]


def plain(pair: Pair, value: Tensor, x0: Tensor, v: Tensor | None, h: Tensor) -> Tensor:
    """A norm by plain operations; ``value`` where there is none."""
    slot, parameters = pair
    return value if slot is None else slot.plain(value, x0, v, h, parameters)

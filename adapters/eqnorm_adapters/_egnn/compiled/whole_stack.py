"""All layers of an EGNN in one compiled call, with the norms between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import path
from eqnorm_adapters._egnn.compiled.in_one_operation import in_one
from eqnorm_adapters._egnn.compiled.settings import Settings, settings_of
from eqnorm_adapters._egnn.compiled.whole import Weights, networks_of, seen
from eqnorm_adapters._egnn.norms import norms_of

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer


def stack_in_one(
    layers: Sequence[Any], x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """Positions (N, 3) and features (N, C) after all layers; None where this does not apply.

    Args:
        layers: :class:`eqnorm_adapters._egnn.layer.EGNNLayer` that stand alone.
        x: shape (N, 3).
        h: shape (N, C).
        graph: the graph.
        e: features of edges, shape (E, K - 1), or None.
        v: shape (N, 3), or None.
    """
    parameters: list[Tensor | None] = []
    found = None
    for layer in layers:
        own = _of(layer, x, h, graph, e, v)
        if own is None:
            return None
        if found is not None and not _alike(own, (found, parameters)):
            return None
        found, weights = own
        parameters += weights
    if found is None:
        return None
    if (between := norms_of(layers, x, h, graph, v)) is None:
        return None
    slots, of_norms = between
    velocities = seen(v, parameters)
    if velocities is None and any(slot is not None and slot.v for slot in slots):
        return None
    return in_one((x, h, velocities, e, None, *parameters, *of_norms), found, slots)


def _of(
    layer: EGNNLayer, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Settings, Weights] | None:
    """Settings and parameters."""
    if (compiled := path.problem(layer, h, x, graph, e)) is None:
        return None
    if (networks := networks_of(layer, v)) is None:
        return None
    given, edges = compiled
    return settings_of(layer, edges, graph, update=False), (*given[4:], *networks)


def _alike(
    one: tuple[Settings, Sequence[Tensor | None]], other: tuple[Settings, Sequence[Tensor | None]]
) -> bool:
    """Whether two layers have the same options, so that one record serves both.

    They are built so, but someone may have changed an attribute of one.
    """
    a, b = one[0], other[0]
    velocities = [weights[-8] is None for _, weights in (one, other)]
    same_edges = a.edges[3:] == b.edges[3:]
    return same_edges and a[2:] == b[2:] and velocities[0] == velocities[1]

"""One compiled call for all layers of an EGNN, in each direction, where no norm stands between.

For few nodes what a layer costs beside its arithmetic is a node of autograd's graph and some forty
tensors; all layers together have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import path, rows
from eqnorm_adapters._egnn.compiled.in_one import InOne, Values
from eqnorm_adapters._egnn.compiled.in_one_operation import define, in_one
from eqnorm_adapters._egnn.compiled.settings import Settings, settings_of
from eqnorm_adapters._egnn.compiled.stack_calls import PARAMETERS, backward, forward, room_floats
from eqnorm_adapters._egnn.compiled.tickets import Loans
from eqnorm_adapters._egnn.compiled.whole_layer import networks_of, plain
from eqnorm_adapters._egnn.layer import EGNNLayer

_INPUTS = 4  # before the parameters: x, h, v, e


def stack_in_one(
    layers: Iterable[nn.Module],
    x: Tensor,
    h: Tensor,
    graph: Graph,
    edge_attr: Tensor | None,
    v: Tensor | None,
) -> tuple[Tensor, Tensor] | None:
    """Positions (N, 3) and features (N, C) after all layers; None where this does not apply.

    Args:
        layers: :class:`eqnorm_adapters._egnn.layer.EGNNLayer` with one choice of options.
        x: shape (N, 3).
        h: shape (N, C).
        graph: the graph.
        edge_attr: shape (E, K - 1), or None.
        v: shape (N, 3), or None.
    """
    parameters: list[Tensor | None] = []
    found = None
    for layer in layers:
        own = _of(layer, x, h, graph, edge_attr, v)
        if own is None:
            return None
        if found is not None and not _alike(own, (found, parameters)):
            return None
        found, weights = own
        parameters += weights
    if found is None:
        return None
    velocity = v if parameters[PARAMETERS - 8] is not None else None
    return in_one(STACK, (x, h, velocity, edge_attr, *parameters), found)


def _of(
    layer: Any, x: Tensor, h: Tensor, graph: Graph, e: Tensor | None, v: Tensor | None
) -> tuple[Settings, tuple[Tensor | None, ...]] | None:
    """Settings and parameters of a layer that the kernel serves whole."""
    if type(layer) is not EGNNLayer or rows.hooked(layer):
        return None  # what someone has put in its place, or looks at
    norms = (layer.norm, layer.update_norm, layer.edge_norm, layer.feature_norm, layer.message_norm)
    if layer.width % 16 or layer.velocity_update or any(norm is not None for norm in norms):
        return None
    if (compiled := path.problem(layer, h, x, graph, e)) is None:
        return None
    if (networks := networks_of(layer, v)) is None:
        return None
    given, edges = compiled
    return settings_of(layer, edges, graph), (*given[4:], *networks[0], *networks[1])


def _alike(
    one: tuple[Settings, Sequence[Tensor | None]], other: tuple[Settings, Sequence[Tensor | None]]
) -> bool:
    """Whether two layers have the same options, so that one record serves both.

    They are built so, but someone may have changed an attribute of one.
    """
    a, b = one[0], other[0]
    velocities = [weights[PARAMETERS - 8] is None for _, weights in (one, other)]
    same_edges = a.edges[3:] == b.edges[3:]
    return same_edges and a[2:] == b[2:] and velocities[0] == velocities[1]


def _forward(flat: Values, settings: Settings) -> tuple[Tensor, Tensor, Values, Loans]:
    x, h, room, loans = forward(flat[:_INPUTS], flat[_INPUTS:], settings)
    return x, h, (room,), loans


def _backward(
    flat: Values,
    settings: Settings,
    kept: Values,
    loans: Loans,
    gradients: Values,
    wants: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    (room,) = kept
    assert room is not None
    given, wanted = (flat[:_INPUTS], flat[_INPUTS:]), (bool(wants[2]), bool(wants[3]))
    return backward(*given, settings, room, loans, gradients, wanted)


def in_torch(flat: Values, settings: Settings) -> tuple[Tensor, Tensor]:
    """The same by plain operations: of x, h, v, e and the parameters."""
    x, h, v, e, *parameters = flat
    assert x is not None
    assert h is not None
    for start in range(0, len(parameters), PARAMETERS):
        own: list[Any] = parameters[start : start + PARAMETERS]
        update, h = plain((h, x, e, None, *own[:-8], v, *own[-8:]), settings)
        x = x + update
    return x, h


def _shapes(flat: Values) -> list[tuple[int, ...]]:
    x, h, w1 = flat[0], flat[1], flat[_INPUTS]
    assert x is not None
    assert h is not None
    assert w1 is not None
    nodes, width = h.shape
    floats = room_floats(len(flat) - _INPUTS, nodes, width, w1.shape[1] - 2 * width)
    return [tuple(x.shape), tuple(h.shape), (floats,)]


STACK = define(InOne("stack", _forward, _backward, in_torch, _shapes))

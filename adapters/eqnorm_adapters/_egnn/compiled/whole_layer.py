"""One compiled call for a layer of an EGNN, in each direction, where things run at once.

The sums over edges, the velocities' network, both updates: for few nodes the operations between
them, each with a node of autograd's graph, would take as long as all arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import rows
from eqnorm_adapters._egnn.compiled.fused import in_torch
from eqnorm_adapters._egnn.compiled.in_one import InOne, Values
from eqnorm_adapters._egnn.compiled.in_one_operation import define, in_one
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.layer_calls import backward, forward
from eqnorm_adapters._egnn.compiled.settings import Settings, settings_of
from eqnorm_adapters._egnn.compiled.tickets import Loans

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

_EDGES = len(EdgeInputs._fields)


class Inputs(NamedTuple):
    """What the layer depends on.

    Attributes:
        edges: of the sums over edges; h (N, C) and x (N, 3) are among them.
        v: velocities, shape (N, 3), or None.
        phi_v: W1, b1, W2, b2 of the network that multiplies velocities; None for all without.
        phi_h: the same of the update of features; None for all where it is not done.
    """

    edges: EdgeInputs
    v: Tensor | None
    phi_v: tuple[Tensor | None, ...]
    phi_h: tuple[Tensor | None, ...]

    @classmethod
    def of(cls, flat: Any) -> Inputs:
        """From all of them in this order."""
        k = _EDGES
        edges = EdgeInputs(*flat[:k])
        return cls(edges, flat[k], tuple(flat[k + 1 : k + 5]), tuple(flat[k + 5 : k + 9]))


NO_NETWORK = (None, None, None, None)


def layer_in_one(
    layer: EGNNLayer, given: EdgeInputs, edges: Edges, v: Tensor | None, graph: Graph
) -> tuple[Tensor, Tensor, bool] | None:
    """Update of positions (N, 3) before its norm; aggregated messages or new features (N, C).

    Returns:
        Both, and whether the second are the new features: they are where no norm of messages
        stands between. None where this way of computing does not apply.
    """
    if layer.width % 16 or (networks := networks_of(layer, v)) is None:
        return None
    phi_v, phi_h = networks
    flat = (*given, None if phi_v[0] is None else v, *phi_v, *phi_h)
    update, second = in_one(LAYER, flat, settings_of(layer, edges, graph))
    return update, second, layer.message_norm is None


def networks_of(
    layer: EGNNLayer, v: Tensor | None
) -> tuple[tuple[Tensor | None, ...], tuple[Tensor | None, ...]] | None:
    """W1, b1, W2 and b2 of phi_v and phi_h, all None of one that has no part in the call.

    None where the kernel cannot serve one that has.
    """
    phi_v: tuple[Tensor | None, ...] | None = NO_NETWORK
    phi_h: tuple[Tensor | None, ...] | None = NO_NETWORK
    if layer.coord_mlp_vel is not None and v is not None:
        if type(v) is not Tensor or v.dtype != torch.float32:
            return None
        phi_v = rows.weights(layer.coord_mlp_vel, layer.width, False)
    if layer.message_norm is None:
        phi_h = rows.weights(layer.node_mlp, layer.width, True)
    return None if phi_v is None or phi_h is None else (phi_v, phi_h)


def _forward(flat: Values, settings: Settings) -> tuple[Tensor, Tensor, Values, Loans]:
    update, total, features, kept, loan = forward(Inputs.of(flat), settings)
    return update, total if features is None else features, kept, (loan,)


def _backward(
    flat: Values,
    settings: Settings,
    kept: Values,
    loans: Loans,
    gradients: Values,
    wants: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    wanted = (bool(wants[1]), bool(wants[2]), bool(wants[_EDGES]))
    loan = loans[0] if loans else None
    return backward(Inputs.of(flat), settings, kept, gradients, wanted, loan)


def plain(flat: Values, settings: Settings) -> tuple[Tensor, Tensor]:
    """The same by plain operations: what the kernel must give, and how it is differentiated."""
    given = Inputs.of(flat)
    messages, moves = in_torch(given.edges, settings.edges)
    total = _scaled(messages, settings, settings.message_how)
    update = settings.weight * _scaled(moves, settings, settings.move_how)
    h = given.edges.h
    if given.v is not None:
        update = update + rows.in_torch((h, None, *given.phi_v), False) * given.v
    if given.phi_h[0] is None:
        return update, total
    return update, rows.in_torch((h, total, *given.phi_h), settings.residual)


def _scaled(total: Tensor, settings: Settings, how: int) -> Tensor:
    if not how:
        return total
    if settings.degrees is None:
        return torch.div(total, max(settings.degree, 1) ** (1.0 if how == 1 else 0.5))
    degrees = settings.degrees.clamp(min=1).to(total.dtype).unsqueeze(1)
    return torch.div(total, degrees if how == 1 else degrees.sqrt())


def _shapes(flat: Values) -> list[tuple[int, ...]]:
    given = Inputs.of(flat)
    nodes, width = given.edges.h.shape
    of_v, of_h = given.v is not None, given.phi_h[0] is not None
    one, nothing = (nodes, width), (0,)
    hidden = [one if of_v else nothing, (nodes, 1) if of_v else nothing]
    return [(nodes, 3), one, (nodes, 2 * width), *hidden, *[one if of_h else nothing] * 2]


LAYER = define(InOne("layer", _forward, _backward, plain, _shapes))

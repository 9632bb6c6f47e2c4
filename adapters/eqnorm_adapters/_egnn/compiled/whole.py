"""A layer of an EGNN in one compiled call: where this applies, and what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled.in_one_operation import in_one
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.padding import MULTIPLE
from eqnorm_adapters._egnn.compiled.rows import untouched_weights
from eqnorm_adapters._egnn.compiled.settings import settings_of

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

Weights = tuple[Tensor | None, ...]
_NO_NETWORK = (None, None, None, None)


def layer_in_one(
    layer: EGNNLayer, given: EdgeInputs, edges: Edges, v: Tensor | None, graph: Graph
) -> tuple[Tensor, Tensor, bool] | None:
    """Update of positions (N, 3) before its norm; aggregated messages or new features (N, C).

    Returns:
        Both, and whether the second are the new features: they are where no norm of messages
        stands between. None where this way of computing does not apply.
    """
    if (networks := networks_of(layer, v)) is None:
        return None
    h, x, e, vectors, *weights = given
    flat = (x, h, seen(v, networks), e, vectors, *weights, *networks)
    update, second = in_one(flat, settings_of(layer, edges, graph, update=True))
    return update, second, layer.message_norm is None


def networks_of(layer: EGNNLayer, v: Tensor | None) -> Weights | None:
    """W1, b1, W2 and b2 of phi_v and of phi_h, None of one that has no part in the call.

    None for all where the kernel cannot serve one that has.
    """
    phi_v: Weights | None = _NO_NETWORK
    phi_h: Weights | None = _NO_NETWORK
    if layer.width % MULTIPLE:
        return None
    if layer.coord_mlp_vel is not None and v is not None:
        if type(v) is not Tensor or v.dtype != torch.float32:
            return None
        phi_v = untouched_weights(layer.coord_mlp_vel, layer.width, False, torch.float32)
    if layer.message_norm is None:
        phi_h = untouched_weights(layer.node_mlp, layer.width, True, torch.float32)
    return None if phi_v is None or phi_h is None else (*phi_v, *phi_h)


def seen(v: Tensor | None, parameters: Sequence[Tensor | None]) -> Tensor | None:
    """The velocities if there is a phi_v."""
    return None if parameters[-8] is None else v

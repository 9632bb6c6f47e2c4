"""What a layer of an EGNN in torch is given, and what it must give, by plain operations."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm_adapters._egnn.compiled.fused import in_torch as sums_in_torch
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.rows import in_torch as network_in_torch
from eqnorm_adapters._egnn.in_torch.blocks import Place


class Settings(NamedTuple):
    """What is not differentiated.

    Attributes:
        edges: of the graph.
        shifts: added to relative vectors, shape (E, 3), or None.
        of_messages: factor of the sums of messages, or one for each node, shape (N, 1);
            None for 1.
        of_moves: the same of weighted vectors.
        bound: whether weights are bounded by tanh.
        residual: whether features are added to their update.
        way: how many tensors of the size of edges a gradient keeps, 2 or 6: two ways to compute.
        keep: whether there may be a gradient.
    """

    edges: Place
    shifts: Tensor | None
    of_messages: float | Tensor | None
    of_moves: float | Tensor
    bound: bool
    residual: bool
    way: int
    keep: bool


class Inputs(NamedTuple):
    """What a layer depends on.

    Attributes:
        x: positions, shape (N, 3).
        h: features, shape (N, C).
        v: velocities, shape (N, 3), or None.
        e: features of edges, shape (E, K - 1), or None.
        vectors: summed with weights in place of relative ones, shape (E, 3); None for these.
        phi_e: W1, b1, W2, b2 of the networks of messages.
        phi_x: W3, b3, w4 of that of weights.
        phi_v: W1, b1, W2, b2 of the network that multiplies velocities, or four times None.
        phi_h: the same of the update of features.
    """

    x: Tensor
    h: Tensor
    v: Tensor | None
    e: Tensor | None
    vectors: Tensor | None
    phi_e: tuple[Tensor, ...]
    phi_x: tuple[Tensor, ...]
    phi_v: tuple[Tensor, ...]
    phi_h: tuple[Tensor, ...]

    @classmethod
    def of(cls, flat: Any) -> Inputs:
        """From all of them in this order."""
        x, h, v, e, vectors = flat[:5]
        return cls(x, h, v, e, vectors, flat[5:9], flat[9:12], flat[12:16], flat[16:20])


COUNT = 20  # arguments that may have gradients
NO_NETWORK = (None, None, None, None)


def plain(given: Inputs, how: Settings) -> tuple[Tensor, Tensor]:
    """The same by plain operations, to be differentiated as often as one likes."""
    x, h, v, e, vectors, phi_e, phi_x, phi_v, phi_h = given
    networks: tuple[Any, ...] = (*phi_e, *phi_x, None, None)
    inner = EdgeInputs(h, x, e, vectors, *networks)
    of = Edges(how.edges.senders, how.edges.receivers, how.shifts, 0, how.bound, False)
    total, moves = sums_in_torch(inner, of)
    update = moves * how.of_moves
    if how.of_messages is not None:
        total = total * how.of_messages
    if v is not None:
        update = update + network_in_torch((h, None, *phi_v), False) * v
    if phi_h[0] is None:
        return update, total
    return update, network_in_torch((h, total, *phi_h), how.residual)


def factor(degrees: int | Tensor, how: str, like: Tensor, weight: float) -> float | Tensor:
    """Of sums over the edges of each node, as many as `degrees`, as the aggregation wants it."""
    if how == "sum":
        return weight
    if isinstance(degrees, int):
        return weight / (degrees if how == "mean" else degrees**0.5)
    degrees = degrees.clamp(min=1).to(like.dtype).unsqueeze(1)
    return weight * (degrees.reciprocal() if how == "mean" else degrees.rsqrt())


def relative_vectors(x: Tensor, how: Settings) -> Tensor:
    """x_i - x_j of every edge, shape (E, 3)."""
    edges = how.edges
    found = x.index_select(0, edges.receivers) - x.index_select(0, edges.senders)
    return found if how.shifts is None else found + how.shifts


def split_weights(given: Inputs, scalars: Tensor) -> tuple[Tensor, ...]:
    """The first weights, of receivers, senders and scalars."""
    width = given.h.shape[1]
    return torch.split_with_sizes(given.phi_e[0], [width, width, scalars.shape[1]], 1)

"""Formulas of norms on displacements: vectors of one type, 1o, one for each node."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from eqnorm.functional._points.call import Made
from eqnorm.functional._points.film import Film
from eqnorm.functional._points.fused import fused
from eqnorm.functional._points.recipe import Recipe
from eqnorm.functional.lengths import positive_scale_sq, root, soft_cap
from eqnorm.functional.points import start
from eqnorm.graph import Graph


def travel_sq(graph: Graph, x0: Tensor, v: Tensor | None) -> Tensor:
    """S^2, how far the points of a system may be expected to go, squared: (N, 1).

    S^2 = rms(v)^2 + (s0 / 10)^2, where s0 is the initial root mean square radius; without
    velocities S = s0 / 2. Zero for a system without extent and motion, which has no length.

    In a periodic box a radius depends on which copy of each particle is taken, and grows with the
    box: s0 is the spacing (V / n)^(1/3) there, for n particles in the volume V.

    Args:
        graph: which node is in which system.
        x0: initial points, shape (N, 3); not read in a periodic box.
        v: velocities, shape (N, 3), per unit of time of the model's step; or None.
    """
    volume = graph.volume
    if volume is None:
        _, _, extent_sq = start(graph, x0)
    else:
        spacing = (volume / graph.counts.clamp(min=1)) ** (1 / 3)
        extent_sq = graph.spread(spacing.square().to(x0.dtype).unsqueeze(-1))
    if v is None:
        return 0.25 * extent_sq
    return graph.spread(graph.mean_square(v)) + 0.01 * extent_sq


def softcap(dx: Tensor, graph: Graph, x0: Tensor, v: Tensor | None, cap: Tensor) -> Tensor:
    """Dx_i (1 + mean_j |dx_j|^2 / (c S)^2)^(-1/2), the mean over the nodes of a graph.

    Args:
        dx: displacements, shape (N, 3).
        graph: which node is in which system.
        x0: initial points, shape (N, 3), for S as in :func:`travel_sq`.
        v: velocities, shape (N, 3), or None, for S too.
        cap: c, a scalar.
    """
    return fused(_softcap, (), graph, dx, x0, v, cap=cap)


def _softcap() -> Made:
    def plain(
        graph: Graph, dx: Tensor, x0: Tensor, v: Tensor | None, gain: None, more: None, cap: Tensor
    ) -> Tensor:
        mean_sq = graph.spread(graph.mean_square(dx))
        return soft_cap(dx, mean_sq, cap.square() * travel_sq(graph, x0, v))

    return Made(plain, partial(Recipe, "cap", centred=False, keep=False, measure="travel"))


def rms_norm(
    dx: Tensor, graph: Graph, x0: Tensor, v: Tensor | None, gain: Tensor | Film, eps: float
) -> Tensor:
    """G S dx_i / sqrt(mean_j |dx_j|^2 + (eps S)^2), the mean over the nodes of a graph.

    Args:
        dx: displacements, shape (N, 3).
        graph: which node is in which system.
        x0: initial points, shape (N, 3), for S as in :func:`travel_sq`.
        v: velocities, shape (N, 3), or None, for S too.
        gain: g, broadcast to (N, 1); or as predicted.
        eps: in units of S.
    """
    if isinstance(gain, Film):
        return fused(_rms_norm, (eps,), graph, dx, x0, v, film=gain)
    return fused(_rms_norm, (eps,), graph, dx, x0, v, gain)


def _rms_norm(eps: float) -> Made:
    def plain(
        graph: Graph, dx: Tensor, x0: Tensor, v: Tensor | None, gain: Tensor, *_: None
    ) -> Tensor:
        scale_sq = travel_sq(graph, x0, v)
        mean_sq = graph.spread(graph.mean_square(dx))
        floor_sq = eps**2 * positive_scale_sq(scale_sq)
        return gain * root(scale_sq) * dx * (mean_sq + floor_sq).rsqrt()

    recipe = partial(
        Recipe, "square", eps, centred=False, keep=False, measure="travel", in_units=True
    )
    return Made(plain, recipe)


def clip_norm(
    dx: Tensor, graph: Graph, x0: Tensor, v: Tensor | None, limit: float, hard: bool
) -> Tensor:
    """Shorten vectors to a greatest length L, keeping their directions.

    Hard: dx_i min(1, L/|dx_i|). Smooth: dx_i / sqrt(1 + |dx_i|^2/L^2).

    Args:
        dx: displacements, shape (N, 3).
        graph: which node is in which system.
        x0: initial points, shape (N, 3), for S as in :func:`travel_sq`.
        v: velocities, shape (N, 3), or None, for S too.
        limit: L in units of S.
        hard: which of the two.
    """
    return fused(_clip_norm, (limit, hard), graph, dx, x0, v)


def _clip_norm(limit: float, hard: bool) -> Made:
    def plain(graph: Graph, dx: Tensor, x0: Tensor, v: Tensor | None, *_: None) -> Tensor:
        limit_sq = limit**2 * travel_sq(graph, x0, v)
        square = dx.square().sum(-1, keepdim=True)
        if not hard:
            return soft_cap(dx, square, limit_sq)
        longer = square > limit_sq
        # The larger of the two is positive wherever the factor is used.
        factor = root(limit_sq) * positive_scale_sq(torch.maximum(square, limit_sq)).rsqrt()
        return dx * torch.where(longer, factor, 1.0)

    scale: Literal["own clip", "own cap"] = "own clip" if hard else "own cap"
    return Made(plain, partial(Recipe, scale, limit, centred=False, keep=False, measure="travel"))

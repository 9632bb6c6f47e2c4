"""Formulas of norms on points whose bias is a vector in an equivariant frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from eqnorm.functional._points.call import Made
from eqnorm.functional._points.film import Film
from eqnorm.functional._points.fused import fused
from eqnorm.functional._points.recipe import Recipe
from eqnorm.functional.lengths import positive_scale_sq, root, soft_cap, soft_unit
from eqnorm.functional.points import from_start
from eqnorm.graph import Graph

FRAME = ("drift", "mean velocity", "velocity", "place")


def geo_frame(
    x: Tensor,
    graph: Graph,
    x0: Tensor,
    v: Tensor | None,
    gain: Tensor,
    coefficients: Tensor | Film,
    eps: float,
    chiral: bool,
) -> Tensor:
    """Mu0 + g s0 dir(x_i - mu) + sum_k a_ik e_ik, with e the vectors of :func:`frame`.

    The centre's drift enters as mu - mu0 capped to the length s0.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        x0: initial points, shape (N, 3).
        v: velocities, shape (N, 3), or None.
        gain: g, broadcast to (N, 1).
        coefficients: a_ik, broadcast to (N, 4), or (N, 10) if chiral; or as predicted.
        eps: in units of s0.
        chiral: whether the frame has cross products.
    """
    if isinstance(coefficients, Film):
        if not chiral:
            return fused(_geo_frame, (eps, False), graph, x, x0, v, gain, film=coefficients)
        coefficients = coefficients.coefficients()
    if chiral:  # the loops know no cross products
        return _geo_frame(eps, True).plain(graph, x, x0, v, gain, coefficients, None)
    return fused(_geo_frame, (eps, False), graph, x, x0, v, gain, coefficients)


def _geo_frame(eps: float, chiral: bool) -> Made:
    def plain(
        graph: Graph,
        x: Tensor,
        x0: Tensor,
        v: Tensor | None,
        gain: Tensor,
        coefficients: Tensor,
        _: None,
    ) -> Tensor:
        y, place, centre, origin, scale_sq = from_start(x, graph, x0)
        drift = soft_cap(centre, centre.square().sum(-1, keepdim=True), scale_sq)
        floor_sq = eps**2 * positive_scale_sq(scale_sq)
        vectors = frame(graph, drift, v, place, floor_sq, chiral)
        projected = gain * root(scale_sq) * soft_unit(y - centre, floor_sq)
        return projected + combine(coefficients, vectors) + origin

    recipe = partial(
        Recipe, "own", eps, measure="extent", in_units=True, drift="cap", drift_column=0, frame=1
    )
    return Made(plain, recipe, "coefficients")


def system_norm(
    x: Tensor,
    graph: Graph,
    x0: Tensor,
    v: Tensor | None,
    gain: Tensor,
    cap: Tensor,
    coefficients: Tensor | Film,
    eps: float,
) -> Tensor:
    """Mu0 + capped drift + g s0 (x_i - mu) / rms + sum_k a_ik e_ik.

    The drift mu - mu0 is capped to c sqrt(s0^2 + rms(v)^2), rms^2 is that of x - mu plus
    (eps s0)^2, and e_ik are mean velocity, v_i and x0_i - mu0.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        x0: initial points, shape (N, 3).
        v: velocities, shape (N, 3), or None.
        gain: g, broadcast to (N, 1).
        cap: c, broadcast to (N, 1).
        coefficients: a_ik, broadcast to (N, 3); or as predicted.
        eps: in units of s0.
    """
    if isinstance(coefficients, Film):
        return fused(_system_norm, (eps,), graph, x, x0, v, gain, cap=cap, film=coefficients)
    return fused(_system_norm, (eps,), graph, x, x0, v, gain, coefficients, cap)


def _system_norm(eps: float) -> Made:
    def plain(
        graph: Graph,
        x: Tensor,
        x0: Tensor,
        v: Tensor | None,
        gain: Tensor,
        coefficients: Tensor,
        cap: Tensor,
    ) -> Tensor:
        y, place, centre, origin, scale_sq = from_start(x, graph, x0)
        reach_sq = scale_sq if v is None else scale_sq + graph.spread(graph.mean_square(v))
        drift = soft_cap(centre, centre.square().sum(-1, keepdim=True), cap.square() * reach_sq)
        relative = y - centre
        rms_sq = graph.spread(graph.mean_square(relative))
        floor_sq = eps**2 * positive_scale_sq(scale_sq)
        scaled = gain * root(scale_sq) * relative * (rms_sq + floor_sq).rsqrt()
        vectors = frame(graph, None, v, place, floor_sq, False)[1:]
        return drift + scaled + combine(coefficients, vectors) + origin

    recipe = partial(
        Recipe, "square", eps, measure="extent", in_units=True, drift="reach cap", frame=0
    )
    return Made(plain, recipe, "coefficients")


def frame(
    graph: Graph,
    drift: Tensor | None,
    v: Tensor | None,
    place: Tensor,
    floor_sq: Tensor,
    chiral: bool,
) -> list[Tensor | None]:
    """Vectors that turn with the system: (N, 3) each, None for those that are not there.

    They are the drift of the centre, the mean velocity of the system, the velocity v_i, the
    initial place x0_i - mu0, and if chiral the cross products of the six pairs of them, a x b /
    sqrt(|a|^2 + |b|^2 + floor^2), no longer than the shorter of the two.
    """
    mean_velocity = None if v is None else graph.spread(graph.mean(v))
    polar = [drift, mean_velocity, v, place]
    if not chiral:
        return polar
    axial = []
    for second in range(4):
        for first in range(second):
            a, b = polar[first], polar[second]
            axial.append(None if a is None or b is None else _cross(a, b, floor_sq))
    return polar + axial


def combine(coefficients: Tensor, vectors: Sequence[Tensor | None]) -> Tensor:
    """Sum_k a_ik e_ik: (N, K) and K times (N, 3) -> (N, 3), leaving out vectors that are None."""
    total: Tensor | None = None
    for coefficient, vector in zip(torch.split(coefficients, 1, -1), vectors, strict=True):
        if vector is not None:
            term = coefficient * vector
            total = term if total is None else total + term
    assert total is not None  # the place is always there
    return total


def _cross(a: Tensor, b: Tensor, floor_sq: Tensor) -> Tensor:
    square = (a.square() + b.square()).sum(-1, keepdim=True)
    product: Tensor = torch.linalg.cross(a, b)
    return product * (square + floor_sq).rsqrt()

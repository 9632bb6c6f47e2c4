"""Formulas of norms on points, one function a norm."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from eqnorm.functional._points.call import Made
from eqnorm.functional._points.film import Film
from eqnorm.functional._points.fused import fused
from eqnorm.functional._points.recipe import Recipe
from eqnorm.functional.lengths import exact_unit, positive_scale_sq, root, soft_unit
from eqnorm.graph import Graph


def layer_norm(x: Tensor, graph: Graph, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Eq. 3: g (x_i - m_i) / s_i + b, with m_i and s_i over the three coordinates of a point.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system; of no consequence here.
        gain: g, broadcast to (N, 1).
        bias: b, broadcast to (N, 3).
        eps: s_i is the root of variance + eps^2; in the unit of x.
    """
    if gain.shape[1:] != (1,) or bias.shape[1:] != (3,):  # which the loops read by address
        gain, bias = gain.expand(x.shape[0], 1), bias.expand(x.shape[0], 3).contiguous()
    return fused(_layer_norm, (eps,), graph, x, gain=gain, coefficients=bias)


def _layer_norm(eps: float) -> Made:
    def plain(
        graph: Graph, x: Tensor, x0: None, v: None, gain: Tensor, bias: Tensor, _: None
    ) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.square().mean(-1, keepdim=True)
        return gain * centred * (variance + eps**2).rsqrt() + bias

    return Made(plain, partial(Recipe, "within", eps, centred=False, keep=False))


def scale_norm(
    x: Tensor, graph: Graph, gain: Tensor, eps: float, norm: Literal["l2", "rms"]
) -> Tensor:
    """Eq. 4: g x_i / norm(x_i).

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system; of no consequence here.
        gain: g, broadcast to (N, 1).
        eps: norm(x)^2 has eps^2 added; in the unit of x.
        norm: the Euclidean length, or the root mean square over the three coordinates.
    """
    return fused(_scale_norm, (eps, norm), graph, x, gain=gain)


def _scale_norm(eps: float, norm: Literal["l2", "rms"]) -> Made:
    share = 1 / 3 if norm == "rms" else 1.0

    def plain(graph: Graph, x: Tensor, x0: None, v: None, gain: Tensor, *_: None) -> Tensor:
        square = share * x.square().sum(-1, keepdim=True)
        return gain * x * (square + eps**2).rsqrt()

    return Made(plain, partial(Recipe, "own", eps, centred=False, keep=False, share=share))


def geo_norm(x: Tensor, graph: Graph, x0: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Eq. 5 with soft directions: mu0 + g dir(x_i - mu) + b dir(mu - mu0).

    dir(u) = u / sqrt(|u|^2 + (eps s0)^2), s0 the initial root mean square radius, and all of
    it in the frame centred at mu0, the initial centre.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        x0: initial points, shape (N, 3).
        gain: g, broadcast to (N, 1).
        bias: b, broadcast to (N, 1).
        eps: in units of s0.
    """
    return fused(_geo_norm, (eps,), graph, x, x0, gain=gain, coefficients=bias)


def _geo_norm(eps: float) -> Made:
    def plain(
        graph: Graph, x: Tensor, x0: Tensor, v: None, gain: Tensor, bias: Tensor, _: None
    ) -> Tensor:
        y, _place, centre, origin, scale_sq = from_start(x, graph, x0)
        floor_sq = eps**2 * positive_scale_sq(scale_sq)
        return gain * soft_unit(y - centre, floor_sq) + bias * soft_unit(centre, floor_sq) + origin

    return Made(plain, partial(Recipe, "own", eps, measure="extent", drift="unit", drift_column=0))


def geo_norm_as_printed(x: Tensor, graph: Graph, x0: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Eq. 5 as printed: g (x_i - mu)/|x_i - mu| + b (mu - mu0)/|mu - mu0| + mu0.

    Arguments as in :func:`geo_norm`. Where a length is exactly zero, which the equation leaves
    undefined, its term is zero.
    """
    origin = graph.spread(graph.mean(x0))
    centre = graph.spread(graph.mean(x))
    return gain * exact_unit(x - centre) + bias * exact_unit(centre - origin) + origin


def geo_film(x: Tensor, graph: Graph, x0: Tensor, film: Film, eps: float) -> Tensor:
    """Eq. 5 in units of s0: mu0 + s0 (g_i dir(x_i - mu) + b_i dir(mu - mu0)).

    Arguments and dir as in :func:`geo_norm`, but for ``film``: g_i and b_i as predicted.
    """
    return fused(_geo_film, (eps,), graph, x, x0, film=film)


def _geo_film(eps: float) -> Made:
    def plain(graph: Graph, x: Tensor, x0: Tensor, v: None, film: Tensor, *_: None) -> Tensor:
        gain, bias = torch.split(film, 1, -1)
        y, _place, centre, origin, scale_sq = from_start(x, graph, x0)
        floor_sq = eps**2 * positive_scale_sq(scale_sq)
        directions = gain * soft_unit(y - centre, floor_sq) + bias * soft_unit(centre, floor_sq)
        return root(scale_sq) * directions + origin

    recipe = partial(
        Recipe,
        "own",
        eps,
        measure="extent",
        in_units=True,
        drift="unit",
        drift_column=0,
        in_gain=True,
    )
    return Made(plain, recipe)


def rms_norm(x: Tensor, graph: Graph, x0: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Mu + g s0 (x_i - mu) / sqrt(mean_j |x_j - mu|^2 + (eps s0)^2).

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        x0: initial points, shape (N, 3).
        gain: g, broadcast to (N, 1).
        eps: in units of s0.
    """
    return fused(_rms_norm, (eps,), graph, x, x0, gain=gain)


def _rms_norm(eps: float) -> Made:
    def plain(graph: Graph, x: Tensor, x0: Tensor, v: None, gain: Tensor, *_: None) -> Tensor:
        y, _place, centre, origin, scale_sq = from_start(x, graph, x0)
        relative = y - centre
        square = graph.spread(graph.mean_square(relative))
        floor_sq = eps**2 * positive_scale_sq(scale_sq)
        return gain * root(scale_sq) * relative * (square + floor_sq).rsqrt() + centre + origin

    return Made(
        plain, partial(Recipe, "square", eps, measure="extent", in_units=True, drift="plain")
    )


def from_start(
    x: Tensor, graph: Graph, x0: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A system seen from its initial centre mu0, where rounding errors are small.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        x0: initial points, shape (N, 3).

    Returns:
        x - mu0, x0 - mu0, mu - mu0 and mu0, each (N, 3), and s0^2 as in :func:`start`, (N, 1).
    """
    place, origin, scale_sq = start(graph, x0)
    y = x - origin
    return y, place, graph.spread(graph.mean(y)), origin, scale_sq


def start(graph: Graph, x0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where a system was, and how large: x0 - mu0 and mu0, (N, 3), and s0^2, (N, 1).

    s0 is the initial root mean square radius. It is zero where it is within the rounding error
    of x0: coincident points far from the origin would otherwise have a radius of rounding
    errors, and near it one of exactly zero, and a norm would not be translation-equivariant.
    """
    origin = graph.spread(graph.mean(x0))
    place = x0 - origin
    square = graph.spread(graph.mean_square(place))
    rounding = 4 * torch.finfo(x0.dtype).eps
    resolved = square > rounding**2 * origin.square().sum(-1, keepdim=True)
    return place, origin, torch.where(resolved, square, 0.0)

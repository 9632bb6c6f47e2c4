"""Formulas of the coordinate norms of published models."""

from __future__ import annotations

from functools import partial
from typing import Literal

from torch import Tensor

from eqnorm.functional._points.call import Made
from eqnorm.functional._points.fused import fused
from eqnorm.functional._points.recipe import Recipe
from eqnorm.functional.lengths import root, soft_unit
from eqnorm.graph import Graph

_SCALES: dict[str, Literal["length", "own", "one"]] = {
    "length": "length",
    "gvp": "own",
    "none": "one",
}


def centred(x: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
    """X - mu and mu, each (N, 3), with mu the centre of each graph."""
    # The centre that is kept is computed first, and so its gradient is added last: after the
    # large ones through x - mu have cancelled, as they do for one node, and not in their midst.
    kept = graph.spread(graph.mean(x))
    return x - graph.spread(graph.mean(x)), kept


def mean_length(u: Tensor, graph: Graph) -> Tensor:
    """Mean over the nodes of each graph of the length |u_i|: (N, 3) -> (N, 1)."""
    return graph.spread(graph.mean(root(u.square().sum(-1, keepdim=True))))


def se3_norm(x: Tensor, graph: Graph, gain: Tensor, eps: float, keep_center: bool) -> Tensor:
    """MiDi's SE3Norm: g x_i / (mean_j |x_j| + eps), of x or of x - mu with mu added back.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        gain: g, broadcast to (N, 1).
        eps: in the unit of x.
        keep_center: whether to work on x - mu.
    """
    return fused(_se3_norm, (eps, keep_center), graph, x, gain=gain)


def _se3_norm(eps: float, keep_center: bool) -> Made:
    def plain(graph: Graph, x: Tensor, x0: None, v: None, gain: Tensor, *_: None) -> Tensor:
        if not keep_center:
            return gain * x / (mean_length(x, graph) + eps)
        relative, centre = centred(x, graph)
        return gain * relative / (mean_length(relative, graph) + eps) + centre

    return Made(
        plain, partial(Recipe, "length", eps, keep_center, keep_center, drift=_drift(keep_center))
    )


def coord_norm(
    x: Tensor,
    graph: Graph,
    gain: Tensor,
    eps: float,
    norm: Literal["length", "gvp", "none"],
    keep_center: bool,
) -> Tensor:
    """SemlaFlow's CoordNorm for one set of coordinates: g (x_i - mu) / d.

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        gain: g, broadcast to (N, 1).
        eps: in the unit of x.
        norm: d is the mean length of x - mu plus eps, sqrt(|x_i - mu|^2 + eps^2), or 1.
        keep_center: whether mu is added back.
    """
    return fused(_coord_norm, (eps, norm, keep_center), graph, x, gain=gain)


def _coord_norm(eps: float, norm: Literal["length", "gvp", "none"], keep_center: bool) -> Made:
    def plain(graph: Graph, x: Tensor, x0: None, v: None, gain: Tensor, *_: None) -> Tensor:
        relative, centre = centred(x, graph)
        if norm == "length":
            scaled = relative / (mean_length(relative, graph) + eps)
        elif norm == "gvp":
            scaled = soft_unit(relative, eps**2)
        else:
            scaled = relative
        return gain * scaled + centre if keep_center else gain * scaled

    recipe = partial(Recipe, _SCALES[norm], eps, keep=keep_center, drift=_drift(keep_center))
    return Made(plain, recipe)


def standardise(x: Tensor, graph: Graph, gain: Tensor, eps: float) -> Tensor:
    """GET's coordinate norm: mu + g (x_i - mu) / sqrt(sum_j |x_j - mu|^2 / (3 n - 1) + eps^2).

    Args:
        x: points, shape (N, 3).
        graph: which point is in which system.
        gain: g, broadcast to (N, 1).
        eps: in the unit of x.
    """
    return fused(_standardise, (eps,), graph, x, gain=gain)


def _standardise(eps: float) -> Made:
    def plain(graph: Graph, x: Tensor, x0: None, v: None, gain: Tensor, *_: None) -> Tensor:
        relative, centre = centred(x, graph)
        degrees = (3 * graph.counts - 1).clamp(min=1).to(x.dtype).unsqueeze(-1)
        variance = graph.sum(relative.square().sum(-1, keepdim=True)) / degrees
        return gain * relative * graph.spread(variance + eps**2).rsqrt() + centre

    return Made(plain, partial(Recipe, "square", eps, drift="plain", bessel=True))


def _drift(keep_center: bool) -> Literal["plain", "none"]:
    return "plain" if keep_center else "none"

"""What is called of the norms of points: forward and backward, on memory by address."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import (
    points,
    points_backward,
    points_coefficients,
    points_within,
)
from eqnorm.functional._kernels.points_lengths import inner, jit
from eqnorm.functional._kernels.points_memory import integers, matrix, truths, vector
from eqnorm.functional._points import recipe as r

_forward, _backward = points.forward, points_backward.backward
_within_forward, _within_backward = points_within.forward, points_within.backward
_film_forward, _film_backward = points_coefficients.forward, points_coefficients.backward


@inner
def _points(t: Any, like: Any) -> Any:
    """x, x0, v, gains, coefficients and cap as they were given."""
    n = t[r.NODES]
    return (
        matrix(t[r.X], n, 3, like),
        matrix(t[r.X0], n, 3, like),
        matrix(t[r.V], n, 3, like),
        matrix(t[r.GAIN], t[r.GAIN_ROWS], t[r.GAIN_WIDTH], like),
        matrix(t[r.COEFFICIENTS], t[r.ROWS], t[r.COLUMNS], like),
        vector(t[r.CAP], 1, like),
    )


@inner
def _graph(t: Any) -> Any:
    """Graph of each node, whether it counts, nodes of each graph, and what is known of it."""
    n, graphs = t[r.NODES], t[r.GRAPHS]
    return (
        integers(t[r.BATCH], n),
        truths(t[r.MASK], n),
        integers(t[r.COUNTS], graphs),
        matrix(t[r.STATS], graphs, r.WIDTH, np.empty(0)),
    )


@inner
def _film(t: Any, like: Any) -> Any:
    """Features and the parameters of what predicts coefficients from them."""
    count, width = t[r.COLUMNS], t[r.FEATURES]
    amplitude = np.empty(count, like.dtype)
    first = count - 1 if t[r.MORE] else count
    # Elements one by one: an assigned slice takes a second to compile.
    given, more = vector(t[r.AMPLITUDE], first, like), vector(t[r.MORE], 1, like)
    for k in range(count):
        amplitude[k] = given[k] if k < first else more[0]
    return (
        matrix(t[r.H], t[r.NODES], width, like),
        matrix(t[r.W], count, width, like),
        vector(t[r.BIAS], count, like),
        vector(t[r.LN_SCALE], width, like),
        vector(t[r.LN_SHIFT], width, like),
        amplitude,
    )


@inner
def _kept(t: Any, like: Any) -> Any:
    """Coefficients that were predicted, their tanh, means and deviations, in one piece."""
    n, count = t[r.NODES], t[r.COLUMNS]
    size = n * count * like.itemsize
    start = t[r.STATS] + 8 * t[r.GRAPHS] * r.WIDTH
    return (
        matrix(start, n, count, like),
        matrix(start + size, n, count, like),
        matrix(start + 2 * size, n, 2, like),
    )


@jit
def forward(t: Any, how: Any, limits: Any, eps: float, like: Any) -> None:
    """Fill the output, and what is kept for the gradient."""
    x, x0, v, gain, coefficients, cap = _points(t, like)
    batch, mask, counts, stats = _graph(t)
    y = matrix(t[r.Y], t[r.NODES], 3, like)
    if how[r.SCALE] == r.WITHIN:
        _within_forward(x, gain, coefficients, limits, y)
        return
    for b in range(t[r.GRAPHS]):
        for k in range(r.WIDTH):
            stats[b, k] = 0
    if t[r.FILMED]:
        h, weight, bias, scale, shift, amplitude = _film(t, like)
        made, bounded, kept = _kept(t, like)
        _film_forward(
            *(h, weight, bias, scale, shift, amplitude, t[r.AROUND_ONE], eps),
            *(made, bounded, kept),
        )
        if t[r.FILMED] == 1:
            gain = made
        else:
            coefficients = made
    if how[r.IN_GAIN]:
        coefficients = gain
    _forward(x, x0, v, gain, coefficients, cap, batch, mask, counts, how, limits, y, stats)


@jit
def backward(t: Any, how: Any, limits: Any, like: Any) -> None:
    """Fill the gradients of all that has an address for them."""
    x, x0, v, gain, coefficients, cap = _points(t, like)
    batch, mask, counts, stats = _graph(t)
    n, count, width = t[r.NODES], t[r.COLUMNS], t[r.FEATURES]
    g = matrix(t[r.Y], n, 3, like)
    of_gain = matrix(t[r.OF_GAIN], t[r.GAIN_ROWS], t[r.GAIN_WIDTH], like)
    of_coefficients = matrix(t[r.OF_COEFFICIENTS], t[r.ROWS], count, like)
    if how[r.SCALE] == r.WITHIN:
        of_x = matrix(t[r.OF_X], n, 3, like)
        _within_backward(g, x, gain, coefficients, limits, of_x, of_gain, of_coefficients)
        return
    of_made = np.empty((n if t[r.FILMED] else 0, count), like.dtype)
    if t[r.FILMED]:
        made, _, _ = _kept(t, like)
        if t[r.FILMED] == 1:
            gain, of_gain = made, of_made
        else:
            coefficients, of_coefficients = made, of_made
    if how[r.IN_GAIN]:
        coefficients, of_coefficients = gain, of_gain
    of_x, of_cap = matrix(t[r.OF_X], n, 3, like), vector(t[r.OF_CAP], 1, like)
    of_x0, of_v = matrix(t[r.OF_X0], n, 3, like), matrix(t[r.OF_V], n, 3, like)
    _backward(
        *(g, x, x0, v, gain, coefficients, cap, batch, mask, counts, how, limits, stats),
        *(of_x, of_x0, of_v, of_gain, of_coefficients, of_cap),
    )
    if t[r.FILMED]:
        h, weight, _, scale, shift, amplitude = _film(t, like)
        _, bounded, kept = _kept(t, like)
        of_amplitude = np.empty(count, like.dtype)
        _film_backward(
            *(of_made, h, weight, scale, shift, amplitude, t[r.AROUND_ONE], bounded, kept),
            *(matrix(t[r.OF_H], n, width, like), matrix(t[r.OF_W], count, width, like)),
            *(vector(t[r.OF_BIAS], count, like), vector(t[r.OF_SCALE], width, like)),
            *(vector(t[r.OF_SHIFT], width, like), of_amplitude),
        )
        first = count - 1 if t[r.MORE] else count
        of_given, of_more = vector(t[r.OF_AMPLITUDE], first, like), vector(t[r.OF_MORE], 1, like)
        for k in range(count):
            if k < first:
                of_given[k] = of_amplitude[k]
            else:
                of_more[0] = of_amplitude[k]

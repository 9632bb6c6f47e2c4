"""Norms of points and displacements as loops: :class:`eqnorm.functional._points.recipe.Recipe`.

Everything between loading a number and storing one is float64, whatever the points are: a sum in
float32 would be the largest error. Rows may come in any order of graphs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.points_lengths import (
    cap_factor,
    clip_factor,
    inner,
    positive,
    root,
)
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r

_ONE, _OWN, _SQUARE, _LENGTH, _CAP, _OWN_CAP, _OWN_CLIP = range(7)
_EXTENT, _TRAVEL = 1, 2
_UNIT, _PLAIN, _DRIFT_CAP, _REACH_CAP = 1, 2, 3, 4


@inner
def counted(i: Any, mask: Any) -> Any:
    """Whether a row enters statistics."""
    return mask.shape[0] == 0 or mask[i]


@inner
def graph_of(i: Any, batch: Any, graphs: int) -> Any:
    """The graph of a row; a single graph may have no ``batch`` of its own."""
    return unsigned(batch[i]) if graphs > 1 else unsigned(0)


@inner
def relative(x: Any, i: Any, stats: Any, b: Any, centred: Any) -> Any:
    """A point as the norm scales it."""
    if centred:
        return (
            (x[i, 0] - stats[b, r.ORIGIN]) - stats[b, r.CENTRE],
            (x[i, 1] - stats[b, r.ORIGIN + 1]) - stats[b, r.CENTRE + 1],
            (x[i, 2] - stats[b, r.ORIGIN + 2]) - stats[b, r.CENTRE + 2],
        )
    return np.float64(x[i, 0]), np.float64(x[i, 1]), np.float64(x[i, 2])


@inner
def own_factor(square: float, stats: Any, b: Any, how: Any, limits: Any) -> Any:
    """F of a point from its own squared length, where that is what ``scale`` says."""
    if how[r.SCALE] == _OWN:
        return 1 / np.sqrt(limits[r.SHARE] * square + stats[b, r.FLOOR])
    if how[r.SCALE] == _OWN_CAP:
        return cap_factor(square, stats[b, r.FLOOR], limits[r.TINY])
    return clip_factor(square, stats[b, r.FLOOR], limits[r.TINY])


@inner
def _means(x: Any, x0: Any, v: Any, batch: Any, mask: Any, counts: Any, how: Any, s: Any) -> None:
    """Centres, relative to a point of each graph, and mean velocities."""
    graphs = s.shape[0]
    started, moved = np.zeros(graphs, np.bool_), np.zeros((graphs, 3))
    start, moving, centred = x0.shape[0] > 0, v.shape[0] > 0, how[r.CENTRED] > 0
    for i in range(unsigned(x.shape[0])):
        if not counted(i, mask):
            continue
        b = graph_of(i, batch, graphs)
        if not started[b]:
            started[b] = True
            for k in range(3):
                if start:
                    s[b, r.ORIGIN + k] = x0[i, k]
                elif centred:
                    s[b, r.ORIGIN + k] = x[i, k]
        for k in range(3):
            if start:
                moved[b, k] += x0[i, k] - s[b, r.ORIGIN + k]
            if centred:
                s[b, r.CENTRE + k] += x[i, k] - s[b, r.ORIGIN + k]
            if moving:
                s[b, r.VELOCITY + k] += v[i, k]
    for b in range(graphs):
        count = max(counts[b], 1)
        for k in range(3):
            shift = moved[b, k] / count
            s[b, r.ORIGIN + k] += shift
            if centred:
                s[b, r.CENTRE + k] = s[b, r.CENTRE + k] / count - shift
            s[b, r.VELOCITY + k] /= count


@inner
def _squares(x: Any, x0: Any, v: Any, batch: Any, mask: Any, how: Any, limits: Any, s: Any) -> None:
    """Sums of squares of initial places and velocities, of squares or lengths of points."""
    graphs, scale, centred = s.shape[0], how[r.SCALE], how[r.CENTRED] > 0
    for i in range(unsigned(x.shape[0])):
        if not counted(i, mask):
            continue
        b = graph_of(i, batch, graphs)
        if x0.shape[0] > 0:
            for k in range(3):
                place = x0[i, k] - s[b, r.ORIGIN + k]
                s[b, r.EXTENT_SQ] += place * place
        if v.shape[0] > 0:
            for k in range(3):
                speed = np.float64(v[i, k])
                s[b, r.SPEED_SQ] += speed * speed
        if scale == _SQUARE or scale == _LENGTH or scale == _CAP:
            p, q, t = relative(x, i, s, b, centred)
            square = p * p + q * q + t * t
            s[b, r.SPREAD] += root(square, limits[r.TINY]) if scale == _LENGTH else square


@inner
def _factors(count: int, cap: Any, moving: Any, how: Any, limits: Any, s: Any, b: Any) -> None:
    """From the statistics of a graph, what its points are multiplied by."""
    count, tiny, eps = max(count, 1), limits[r.TINY], limits[r.EPS]
    scale, drift = how[r.SCALE], how[r.DRIFT]
    extent, far, centre = s[b, r.EXTENT_SQ] / count, 0.0, 0.0
    for k in range(3):
        far += s[b, r.ORIGIN + k] * s[b, r.ORIGIN + k]
        centre += s[b, r.CENTRE + k] * s[b, r.CENTRE + k]
    # Within the rounding error of the coordinates there is no extent.
    extent = extent if extent > limits[r.ROUNDING_SQ] * far else 0.0
    s[b, r.EXTENT_SQ] = extent
    speed = s[b, r.SPEED_SQ] = s[b, r.SPEED_SQ] / count
    s[b, r.SPREAD] /= max(3 * count - 1, 1) if how[r.BESSEL] else count
    measured = extent
    if how[r.MEASURE] == _TRAVEL:
        measured = speed + 0.01 * extent if moving else 0.25 * extent
    s[b, r.MEASURED] = measured
    unit = root(measured, tiny) if how[r.IN_UNITS] else 1.0
    floor = eps * eps
    if scale == _OWN_CAP or scale == _OWN_CLIP:
        floor *= measured
    elif how[r.MEASURE]:
        floor *= positive(measured, tiny)
    s[b, r.UNIT], s[b, r.FLOOR], s[b, r.FACTOR] = unit, floor, 1.0
    if scale == _SQUARE:
        s[b, r.FACTOR] = 1 / np.sqrt(s[b, r.SPREAD] + floor)
    elif scale == _LENGTH:
        s[b, r.FACTOR] = 1 / (s[b, r.SPREAD] + eps)
    elif scale == _CAP:
        s[b, r.REACH_SQ] = cap[0] * cap[0] * measured
        s[b, r.FACTOR] = cap_factor(s[b, r.SPREAD], s[b, r.REACH_SQ], tiny)
    if drift == _UNIT:
        s[b, r.DRIFTS_BY] = unit / np.sqrt(centre + floor)
    elif drift == _PLAIN:
        s[b, r.DRIFTS_BY] = 1.0
    elif drift == _DRIFT_CAP or drift == _REACH_CAP:
        s[b, r.REACH_SQ] = extent if drift == _DRIFT_CAP else cap[0] * cap[0] * (extent + speed)
        s[b, r.DRIFTS_BY] = cap_factor(centre, s[b, r.REACH_SQ], tiny)


@inner
def forward(
    x: Any,
    x0: Any,
    v: Any,
    gain: Any,
    coefficients: Any,
    cap: Any,
    batch: Any,
    mask: Any,
    counts: Any,
    how: Any,
    limits: Any,
    y: Any,
    stats: Any,
) -> None:
    """Fill y (N, 3) and stats (B, WIDTH), which must be zero; what is not there has no rows."""
    graphs, scale, centred = stats.shape[0], how[r.SCALE], how[r.CENTRED] > 0
    _means(x, x0, v, batch, mask, counts, how, stats)
    _squares(x, x0, v, batch, mask, how, limits, stats)
    for b in range(graphs):
        _factors(counts[b], cap, v.shape[0] > 0, how, limits, stats, b)
    own = scale == _OWN or scale == _OWN_CAP or scale == _OWN_CLIP
    each, every = gain.shape[0] > 1, coefficients.shape[0] > 1
    column, frame = how[r.DRIFT_COLUMN], how[r.FRAME]
    for i in range(unsigned(x.shape[0])):
        b = graph_of(i, batch, graphs)
        row = i if every else unsigned(0)
        p, q, t = relative(x, i, stats, b, centred)
        factor = stats[b, r.FACTOR]
        if own:
            factor = own_factor(p * p + q * q + t * t, stats, b, how, limits)
        if gain.shape[0] > 0:
            factor *= gain[i if each else unsigned(0), 0]
        factor *= stats[b, r.UNIT]
        p, q, t = p * factor, q * factor, t * factor
        if how[r.DRIFT]:
            a = stats[b, r.DRIFTS_BY] * (coefficients[row, column] if column >= 0 else 1.0)
            p += a * stats[b, r.CENTRE]
            q += a * stats[b, r.CENTRE + 1]
            t += a * stats[b, r.CENTRE + 2]
        if frame >= 0:
            a = coefficients[row, frame + 2]
            p += a * (x0[i, 0] - stats[b, r.ORIGIN])
            q += a * (x0[i, 1] - stats[b, r.ORIGIN + 1])
            t += a * (x0[i, 2] - stats[b, r.ORIGIN + 2])
            if v.shape[0] > 0:
                m, a = coefficients[row, frame], coefficients[row, frame + 1]
                p += m * stats[b, r.VELOCITY] + a * v[i, 0]
                q += m * stats[b, r.VELOCITY + 1] + a * v[i, 1]
                t += m * stats[b, r.VELOCITY + 2] + a * v[i, 2]
        if how[r.KEEP]:
            p += stats[b, r.ORIGIN]
            q += stats[b, r.ORIGIN + 1]
            t += stats[b, r.ORIGIN + 2]
        y[i, 0], y[i, 1], y[i, 2] = p, q, t

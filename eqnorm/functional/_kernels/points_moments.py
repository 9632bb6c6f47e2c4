"""What the norms of points know of a graph: centres, extents, speeds, and what comes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.points_lengths import cap_factor, part, positive, root
from eqnorm.functional._kernels.points_rows import counted, graph_of, relative
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r


@part
def means(x: Any, x0: Any, v: Any, batch: Any, mask: Any, counts: Any, how: Any, s: Any) -> None:
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
        count = counts[b] if counts[b] > 0 else 1
        for k in range(3):
            shift = moved[b, k] / count
            s[b, r.ORIGIN + k] += shift
            if centred:
                s[b, r.CENTRE + k] = s[b, r.CENTRE + k] / count - shift
            s[b, r.VELOCITY + k] /= count


@part
def squares(x: Any, x0: Any, v: Any, batch: Any, mask: Any, how: Any, limits: Any, s: Any) -> None:
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
        if scale in (r.SQUARE, r.LENGTH, r.ALL_CAP):
            p, q, t = relative(x, i, s, b, centred)
            square = p * p + q * q + t * t
            s[b, r.SPREAD] += root(square, limits[r.TINY]) if scale == r.LENGTH else square


@part
def factors(count: int, cap: Any, moving: Any, how: Any, limits: Any, s: Any, b: Any) -> None:
    """From the statistics of a graph, what its points are multiplied by."""
    count, tiny, eps = count if count > 0 else 1, limits[r.TINY], limits[r.EPS]
    scale, drift = how[r.SCALE], how[r.DRIFT]
    extent, far, centre = s[b, r.EXTENT_SQ] / count, 0.0, 0.0
    for k in range(3):
        far += s[b, r.ORIGIN + k] * s[b, r.ORIGIN + k]
        centre += s[b, r.CENTRE + k] * s[b, r.CENTRE + k]
    # Within the rounding error of the coordinates there is no extent.
    extent = extent if extent > limits[r.ROUNDING_SQ] * far else 0.0
    s[b, r.EXTENT_SQ] = extent
    speed = s[b, r.SPEED_SQ] = s[b, r.SPEED_SQ] / count
    s[b, r.SPREAD] /= 3 * count - 1 if how[r.BESSEL] else count
    measured = extent
    if how[r.MEASURE] == r.BY_TRAVEL:
        measured = speed + 0.01 * extent if moving else 0.25 * extent
    s[b, r.MEASURED] = measured
    unit = root(measured, tiny) if how[r.IN_UNITS] else 1.0
    floor = eps * eps
    if scale in (r.OWN_CAP, r.OWN_CLIP):
        floor *= measured
    elif how[r.MEASURE]:
        floor *= positive(measured, tiny)
    s[b, r.UNIT], s[b, r.FLOOR], s[b, r.FACTOR] = unit, floor, 1.0
    if scale == r.SQUARE:
        s[b, r.FACTOR] = 1 / np.sqrt(s[b, r.SPREAD] + floor)
    elif scale == r.LENGTH:
        s[b, r.FACTOR] = 1 / (s[b, r.SPREAD] + eps)
    elif scale == r.ALL_CAP:
        s[b, r.REACH_SQ] = cap[0] * cap[0] * measured
        s[b, r.FACTOR] = cap_factor(s[b, r.SPREAD], s[b, r.REACH_SQ], tiny)
    if drift == r.DRIFT_UNIT:
        s[b, r.DRIFTS_BY] = unit / np.sqrt(centre + floor)
    elif drift == r.DRIFT_PLAIN:
        s[b, r.DRIFTS_BY] = 1.0
    elif drift in (r.DRIFT_CAP, r.DRIFT_REACH_CAP):
        s[b, r.REACH_SQ] = extent if drift == r.DRIFT_CAP else cap[0] * cap[0] * (extent + speed)
        s[b, r.DRIFTS_BY] = cap_factor(centre, s[b, r.REACH_SQ], tiny)

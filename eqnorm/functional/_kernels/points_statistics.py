"""Gradients of what the norms of points know of a graph, from sums over its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.points_lengths import cap_slopes, part, root_slope
from eqnorm.functional._points import recipe as r

# Sums over a graph, three numbers each: of g, and of g times the factors of points, drift, mean
# velocity and place; of directions of points. Then of the gradients of f, of u, and of floor^2.
ALL, SCALED, DRIFT, MOVED, PLACED, DIRECTED = range(0, 18, 3)
BY_FACTOR, BY_UNIT, BY_FLOOR = 18, 19, 20
# In their place come the gradients of origin, centre and mean velocity that a row has, and what
# its r_i, v_i and x0_i - mu0 are multiplied by for those of the means of their squares.
OF_ORIGIN, OF_CENTRE, OF_VELOCITY = ALL, SCALED, MOVED
SPREAD, SPEED, EXTENDED = 18, 19, 20
SUMS = 21


@part
def of_statistics(
    sums: Any, count: int, cap: Any, moving: Any, how: Any, limits: Any, s: Any, b: Any
) -> Any:
    """Turn the sums of a graph into gradients of its statistics; returns that of the cap."""
    count, tiny, eps = count if count > 0 else 1, limits[r.TINY], limits[r.EPS]
    scale, drift, of_cap = how[r.SCALE], how[r.DRIFT], 0.0
    unit, spread, factor = s[b, r.UNIT], s[b, r.SPREAD], s[b, r.FACTOR]
    by_factor, by_unit, by_floor = sums[b, BY_FACTOR], sums[b, BY_UNIT], sums[b, BY_FLOOR]
    by_spread, by_measured, by_extent, by_speed = 0.0, 0.0, 0.0, 0.0
    if scale == r.SQUARE:
        by_spread = -0.5 * factor * factor * factor * by_factor
        by_floor += by_spread
    elif scale == r.LENGTH:
        by_spread = -factor * factor * by_factor
    elif scale == r.ALL_CAP:
        by_square, by_cap = cap_slopes(spread, s[b, r.REACH_SQ], tiny)
        by_spread = by_square * by_factor
        of_cap += 2 * cap[0] * s[b, r.MEASURED] * by_cap * by_factor
        by_measured += cap[0] * cap[0] * by_cap * by_factor
    square, along = 0.0, 0.0
    for k in range(3):
        square += s[b, r.CENTRE + k] * s[b, r.CENTRE + k]
        along += s[b, r.CENTRE + k] * sums[b, DRIFT + k]
    turned, by = 0.0, s[b, r.DRIFTS_BY]
    if drift == r.DRIFT_UNIT:
        soft = 1 / np.sqrt(square + s[b, r.FLOOR])
        slope = -0.5 * soft * soft * soft * unit * along
        turned = 2 * slope
        by_floor += slope
        if how[r.IN_UNITS]:
            by_unit += soft * along
    elif drift in (r.DRIFT_CAP, r.DRIFT_REACH_CAP):
        by_square, by_cap = cap_slopes(square, s[b, r.REACH_SQ], tiny)
        turned = 2 * by_square * along
        weight = 1.0
        if drift == r.DRIFT_REACH_CAP:
            weight = cap[0] * cap[0]
            of_cap += 2 * cap[0] * (s[b, r.EXTENT_SQ] + s[b, r.SPEED_SQ]) * by_cap * along
            by_speed += weight * by_cap * along
        by_extent += weight * by_cap * along
    if how[r.IN_UNITS]:
        by_measured += root_slope(s[b, r.MEASURED], tiny) * by_unit
    if scale in (r.OWN_CAP, r.OWN_CLIP) or (how[r.MEASURE] and s[b, r.MEASURED] > tiny):
        by_measured += eps * eps * by_floor
    if how[r.MEASURE] == r.BY_TRAVEL:
        by_extent += (0.01 if moving else 0.25) * by_measured
        by_speed += by_measured if moving else 0.0
    elif how[r.MEASURE] == r.BY_EXTENT:
        by_extent += by_measured
    spread = 2 * by_spread / (3 * count - 1 if how[r.BESSEL] else count)
    for k in range(3):
        of_centre = by * sums[b, DRIFT + k] + turned * s[b, r.CENTRE + k]
        through = sums[b, SCALED + k] + spread * sums[b, DIRECTED + k]
        kept = sums[b, ALL + k] if how[r.KEEP] else 0.0
        sums[b, OF_ORIGIN + k] = (kept - of_centre - sums[b, PLACED + k]) / count
        sums[b, OF_CENTRE + k] = (of_centre - through) / count
        sums[b, OF_VELOCITY + k] /= count
    sums[b, SPREAD], sums[b, SPEED] = spread, 2 * by_speed / count
    sums[b, EXTENDED] = 2 * by_extent / count if s[b, r.EXTENT_SQ] > 0 else 0.0
    return of_cap

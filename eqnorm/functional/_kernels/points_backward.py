"""Gradients of :mod:`eqnorm.functional._kernels.points`, in two passes over the rows.

The first takes sums over the rows of each graph, all rows, counted or not; from them come the
gradients of its statistics, which the second hands to the rows that are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.points import counted, graph_of, own_factor, relative
from eqnorm.functional._kernels.points_lengths import (
    cap_slopes,
    clip_slopes,
    inner,
    root_slope,
)
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r

_ONE, _OWN, _SQUARE, _LENGTH, _CAP, _OWN_CAP, _OWN_CLIP = range(7)
_EXTENT, _TRAVEL = 1, 2
_UNIT, _PLAIN, _DRIFT_CAP, _REACH_CAP = 1, 2, 3, 4
# Sums over a graph, three numbers each: of g, and of g times the factors of points, drift, mean
# velocity and place; of directions of points. Then of the gradients of f, of u, and of floor^2.
_ALL, _SCALED, _DRIFT, _MOVED, _PLACED, _DIRECTED = range(0, 18, 3)
_BY_FACTOR, _BY_UNIT, _BY_FLOOR = 18, 19, 20
# In their place come the gradients of origin, centre and mean velocity that a row has, and what
# its r_i, v_i and x0_i - mu0 are multiplied by for those of the means of their squares.
_OF_ORIGIN, _OF_CENTRE, _OF_VELOCITY = _ALL, _SCALED, _MOVED
_SPREAD, _SPEED, _EXTENDED = 18, 19, 20
_SUMS = 21


@inner
def add_3(total: Any, b: Any, k: Any, p: float, q: float, t: float) -> None:
    """Total[b, k] to total[b, k + 2] += p, q, t."""
    total[b, k] += p
    total[b, k + 1] += q
    total[b, k + 2] += t


@inner
def own_slopes(square: float, factor: float, stats: Any, b: Any, how: Any, limits: Any) -> Any:
    """Derivatives of f by the squared length of the point and by floor^2, or L^2."""
    if how[r.SCALE] == _OWN:
        slope = -0.5 * factor * factor * factor
        return limits[r.SHARE] * slope, slope
    if how[r.SCALE] == _OWN_CAP:
        return cap_slopes(square, stats[b, r.FLOOR], limits[r.TINY])
    return clip_slopes(square, stats[b, r.FLOOR], limits[r.TINY])


@inner
def _of_point(
    g: Any, x: Any, i: Any, gain: float, stats: Any, b: Any, how: Any, limits: Any
) -> Any:
    """Gradient of r_i, but for what comes through statistics; of f or u g_i; of floor^2."""
    p, q, t = relative(x, i, stats, b, how[r.CENTRED] > 0)
    along = p * g[i, 0] + q * g[i, 1] + t * g[i, 2]
    factor, turned, by_floor = stats[b, r.FACTOR], 0.0, 0.0
    if how[r.SCALE] == _OWN or how[r.SCALE] == _OWN_CAP or how[r.SCALE] == _OWN_CLIP:
        square = p * p + q * q + t * t
        factor = own_factor(square, stats, b, how, limits)
        by_square, by_floor = own_slopes(square, factor, stats, b, how, limits)
        turned = 2 * by_square * along * gain * stats[b, r.UNIT]
        by_floor *= along * gain * stats[b, r.UNIT]
    whole = factor * gain * stats[b, r.UNIT]
    return (
        whole * g[i, 0] + turned * p,
        whole * g[i, 1] + turned * q,
        whole * g[i, 2] + turned * t,
        along,
        factor,
        by_floor,
    )


@inner
def _of_statistics(
    sums: Any, count: int, cap: Any, moving: Any, how: Any, limits: Any, s: Any, b: Any
) -> Any:
    """Turn the sums of a graph into gradients of its statistics; returns that of the cap."""
    count, tiny, eps = max(count, 1), limits[r.TINY], limits[r.EPS]
    scale, drift, of_cap = how[r.SCALE], how[r.DRIFT], 0.0
    unit, spread, factor = s[b, r.UNIT], s[b, r.SPREAD], s[b, r.FACTOR]
    by_factor, by_unit, by_floor = sums[b, _BY_FACTOR], sums[b, _BY_UNIT], sums[b, _BY_FLOOR]
    by_spread, by_measured, by_extent, by_speed = 0.0, 0.0, 0.0, 0.0
    if scale == _SQUARE:
        by_spread = -0.5 * factor * factor * factor * by_factor
        by_floor += by_spread
    elif scale == _LENGTH:
        by_spread = -factor * factor * by_factor
    elif scale == _CAP:
        by_square, by_cap = cap_slopes(spread, s[b, r.REACH_SQ], tiny)
        by_spread = by_square * by_factor
        of_cap += 2 * cap[0] * s[b, r.MEASURED] * by_cap * by_factor
        by_measured += cap[0] * cap[0] * by_cap * by_factor
    square, along = 0.0, 0.0
    for k in range(3):
        square += s[b, r.CENTRE + k] * s[b, r.CENTRE + k]
        along += s[b, r.CENTRE + k] * sums[b, _DRIFT + k]
    turned, by = 0.0, s[b, r.DRIFTS_BY]
    if drift == _UNIT:
        soft = 1 / np.sqrt(square + s[b, r.FLOOR])
        slope = -0.5 * soft * soft * soft * unit * along
        turned = 2 * slope
        by_floor += slope
        if how[r.IN_UNITS]:
            by_unit += soft * along
    elif drift == _DRIFT_CAP or drift == _REACH_CAP:
        by_square, by_cap = cap_slopes(square, s[b, r.REACH_SQ], tiny)
        turned = 2 * by_square * along
        weight = 1.0
        if drift == _REACH_CAP:
            weight = cap[0] * cap[0]
            of_cap += 2 * cap[0] * (s[b, r.EXTENT_SQ] + s[b, r.SPEED_SQ]) * by_cap * along
            by_speed += weight * by_cap * along
        by_extent += weight * by_cap * along
    if how[r.IN_UNITS]:
        by_measured += root_slope(s[b, r.MEASURED], tiny) * by_unit
    if scale == _OWN_CAP or scale == _OWN_CLIP or (how[r.MEASURE] and s[b, r.MEASURED] > tiny):
        by_measured += eps * eps * by_floor
    if how[r.MEASURE] == _TRAVEL:
        by_extent += (0.01 if moving else 0.25) * by_measured
        by_speed += by_measured if moving else 0.0
    elif how[r.MEASURE] == _EXTENT:
        by_extent += by_measured
    spread = 2 * by_spread / (max(3 * count - 1, 1) if how[r.BESSEL] else count)
    for k in range(3):
        of_centre = by * sums[b, _DRIFT + k] + turned * s[b, r.CENTRE + k]
        through = sums[b, _SCALED + k] + spread * sums[b, _DIRECTED + k]
        kept = sums[b, _ALL + k] if how[r.KEEP] else 0.0
        sums[b, _OF_ORIGIN + k] = (kept - of_centre - sums[b, _PLACED + k]) / count
        sums[b, _OF_CENTRE + k] = (of_centre - through) / count
        sums[b, _OF_VELOCITY + k] /= count
    sums[b, _SPREAD], sums[b, _SPEED] = spread, 2 * by_speed / count
    sums[b, _EXTENDED] = 2 * by_extent / count if s[b, r.EXTENT_SQ] > 0 else 0.0
    return of_cap


@inner
def _of_rows(
    g: Any,
    x: Any,
    x0: Any,
    v: Any,
    gain: Any,
    coefficients: Any,
    batch: Any,
    mask: Any,
    how: Any,
    limits: Any,
    s: Any,
    sums: Any,
    of_gain: Any,
    of_coefficients: Any,
) -> None:
    """The first pass: sums, and the gradients of gains and coefficients."""
    graphs, column, frame = s.shape[0], how[r.DRIFT_COLUMN], how[r.FRAME]
    each, every = gain.shape[0] > 1, coefficients.shape[0] > 1
    directed = how[r.SCALE] == _LENGTH and how[r.CENTRED] > 0
    moving, rows = v.shape[0] > 0, x.shape[0]
    one, total = 0.0, np.zeros(4)
    first = 0
    while first < rows:
        b = graph_of(unsigned(first), batch, graphs)
        # Sums over rows of one graph in a row, in registers: through memory they take far longer.
        a0, a1, a2, s0, s1, s2, d0, d1, d2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        m0, m1, m2, p0, p1, p2, f, u, o = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        last = first
        while last < rows and graph_of(unsigned(last), batch, graphs) == b:
            i = unsigned(last)
            last += 1
            row = i if every else unsigned(0)
            g0, g1, g2 = np.float64(g[i, 0]), np.float64(g[i, 1]), np.float64(g[i, 2])
            own = gain[i if each else unsigned(0), 0] if gain.shape[0] > 0 else 1.0
            p, q, t, along, factor, by_floor = _of_point(g, x, i, own, s, b, how, limits)
            s0, s1, s2 = s0 + p, s1 + q, s2 + t
            a0, a1, a2 = a0 + g0, a1 + g1, a2 + g2
            o += by_floor
            u += own * factor * along
            f += own * s[b, r.UNIT] * along
            along *= s[b, r.UNIT] * factor
            if each:
                of_gain[i, 0] = along
            else:
                one += along
            if column >= 0:
                drift = coefficients[row, column]
                d0, d1, d2 = d0 + drift * g0, d1 + drift * g1, d2 + drift * g2
                by = s[b, r.CENTRE] * g0 + s[b, r.CENTRE + 1] * g1 + s[b, r.CENTRE + 2] * g2
                by *= s[b, r.DRIFTS_BY]
                if every:
                    of_coefficients[i, column] = by
                else:
                    total[0] += by
            if frame >= 0:
                a = coefficients[row, frame + 2]
                p0, p1, p2 = p0 + a * g0, p1 + a * g1, p2 + a * g2
                by = (x0[i, 0] - s[b, r.ORIGIN]) * g0 + (x0[i, 1] - s[b, r.ORIGIN + 1]) * g1
                by += (x0[i, 2] - s[b, r.ORIGIN + 2]) * g2
                by_mean, by_speed = 0.0, 0.0
                if moving:
                    a = coefficients[row, frame]
                    m0, m1, m2 = m0 + a * g0, m1 + a * g1, m2 + a * g2
                    by_mean = s[b, r.VELOCITY] * g0 + s[b, r.VELOCITY + 1] * g1
                    by_mean += s[b, r.VELOCITY + 2] * g2
                    by_speed = v[i, 0] * g0 + v[i, 1] * g1 + v[i, 2] * g2
                if every:
                    of_coefficients[i, frame] = by_mean
                    of_coefficients[i, frame + 1] = by_speed
                    of_coefficients[i, frame + 2] = by
                else:
                    total[1] += by_mean
                    total[2] += by_speed
                    total[3] += by
            if directed and counted(i, mask):
                p, q, t = relative(x, i, s, b, True)
                slope = root_slope(p * p + q * q + t * t, limits[r.TINY])
                sums[b, _DIRECTED] += slope * p
                sums[b, _DIRECTED + 1] += slope * q
                sums[b, _DIRECTED + 2] += slope * t
        if column < 0:
            d0, d1, d2 = a0, a1, a2
        add_3(sums, b, _ALL, a0, a1, a2)
        add_3(sums, b, _SCALED, s0, s1, s2)
        add_3(sums, b, _DRIFT, d0, d1, d2)
        add_3(sums, b, _MOVED, m0, m1, m2)
        add_3(sums, b, _PLACED, p0, p1, p2)
        add_3(sums, b, _BY_FACTOR, f, u, o)
        first = last
    if not each and gain.shape[0] > 0:
        of_gain[0, 0] = one
    if not every and coefficients.shape[0] > 0:
        if column >= 0:
            of_coefficients[0, column] = total[0]
        if frame >= 0:
            for k in range(3):
                of_coefficients[0, frame + k] = total[1 + k]


@inner
def backward(
    g: Any,
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
    s: Any,
    of_x: Any,
    of_x0: Any,
    of_v: Any,
    of_gain: Any,
    of_coefficients: Any,
    of_cap: Any,
) -> None:
    """Fill gradients; what is not wanted or not there has no rows."""
    graphs, frame = s.shape[0], how[r.FRAME]
    each, every = gain.shape[0] > 1, coefficients.shape[0] > 1
    sums = np.zeros((graphs, _SUMS))
    _of_rows(
        g, x, x0, v, gain, coefficients, batch, mask, how, limits, s, sums, of_gain, of_coefficients
    )
    of_cap[:] = 0
    for b in range(graphs):
        of_one = _of_statistics(sums, counts[b], cap, v.shape[0] > 0, how, limits, s, b)
        if cap.shape[0] > 0:
            of_cap[0] += of_one
    lengths, centred = how[r.SCALE] == _LENGTH, how[r.CENTRED] > 0
    for i in range(unsigned(x.shape[0])):
        b = graph_of(i, batch, graphs)
        row = i if every else unsigned(0)
        enters = counted(i, mask)
        own = gain[i if each else unsigned(0), 0] if gain.shape[0] > 0 else 1.0
        p, q, t, _, _, _ = _of_point(g, x, i, own, s, b, how, limits)
        if enters:
            a, d, e = relative(x, i, s, b, centred)
            by = sums[b, _SPREAD]
            if lengths:
                by *= root_slope(a * a + d * d + e * e, limits[r.TINY])
            p, q, t = p + by * a, q + by * d, t + by * e
            if centred:
                p += sums[b, _OF_CENTRE]
                q += sums[b, _OF_CENTRE + 1]
                t += sums[b, _OF_CENTRE + 2]
        of_x[i, 0], of_x[i, 1], of_x[i, 2] = p, q, t
        for k in range(3):
            if of_x0.shape[0] > 0:
                place = coefficients[row, frame + 2] * g[i, k] if frame >= 0 else 0.0
                if enters:
                    place += sums[b, _OF_ORIGIN + k]
                    place += sums[b, _EXTENDED] * (x0[i, k] - s[b, r.ORIGIN + k])
                of_x0[i, k] = place
            if of_v.shape[0] > 0:
                moved = coefficients[row, frame + 1] * g[i, k] if frame >= 0 else 0.0
                if enters:
                    moved += sums[b, _OF_VELOCITY + k] + sums[b, _SPEED] * v[i, k]
                of_v[i, k] = moved

"""Gradients of single points, and their sums over the rows of each graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import points_statistics as sums_of
from eqnorm.functional._kernels.points_lengths import (
    cap_slopes,
    clip_slopes,
    inner,
    part,
    root_slope,
)
from eqnorm.functional._kernels.points_rows import counted, graph_of, own_factor, relative
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r


@inner
def add_3(total: Any, b: Any, k: Any, p: float, q: float, t: float) -> None:
    """Total[b, k] to total[b, k + 2] += p, q, t."""
    total[b, k] += p
    total[b, k + 1] += q
    total[b, k + 2] += t


@inner
def own_slopes(square: float, factor: float, stats: Any, b: Any, how: Any, limits: Any) -> Any:
    """Derivatives of f by the squared length of the point and by floor^2, or L^2."""
    if how[r.SCALE] == r.OWN:
        slope = -0.5 * factor * factor * factor
        return limits[r.SHARE] * slope, slope
    if how[r.SCALE] == r.OWN_CAP:
        return cap_slopes(square, stats[b, r.FLOOR], limits[r.TINY])
    return clip_slopes(square, stats[b, r.FLOOR], limits[r.TINY])


@inner
def of_point(g: Any, x: Any, i: Any, gain: float, stats: Any, b: Any, how: Any, limits: Any) -> Any:
    """Gradient of r_i, but for what comes through statistics; of f or u g_i; of floor^2."""
    p, q, t = relative(x, i, stats, b, how[r.CENTRED] > 0)
    along = p * g[i, 0] + q * g[i, 1] + t * g[i, 2]
    factor, turned, by_floor = stats[b, r.FACTOR], 0.0, 0.0
    if how[r.SCALE] in (r.OWN, r.OWN_CAP, r.OWN_CLIP):
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


@part
def of_rows(
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
    directed = how[r.SCALE] == r.LENGTH and how[r.CENTRED] > 0
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
            p, q, t, along, factor, by_floor = of_point(g, x, i, own, s, b, how, limits)
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
                sums[b, sums_of.DIRECTED] += slope * p
                sums[b, sums_of.DIRECTED + 1] += slope * q
                sums[b, sums_of.DIRECTED + 2] += slope * t
        if column < 0:
            d0, d1, d2 = a0, a1, a2
        add_3(sums, b, sums_of.ALL, a0, a1, a2)
        add_3(sums, b, sums_of.SCALED, s0, s1, s2)
        add_3(sums, b, sums_of.DRIFT, d0, d1, d2)
        add_3(sums, b, sums_of.MOVED, m0, m1, m2)
        add_3(sums, b, sums_of.PLACED, p0, p1, p2)
        add_3(sums, b, sums_of.BY_FACTOR, f, u, o)
        first = last
    if not each and gain.shape[0] > 0:
        of_gain[0, 0] = one
    if not every and coefficients.shape[0] > 0:
        if column >= 0:
            of_coefficients[0, column] = total[0]
        if frame >= 0:
            for k in range(3):
                of_coefficients[0, frame + k] = total[1 + k]

"""Norms of points and displacements as loops: :class:`eqnorm.functional._points.recipe.Recipe`.

Everything between loading a number and storing one is float64, whatever the points are: a sum in
float32 would be the largest error. Rows may come in any order of graphs.
"""

from __future__ import annotations

from typing import Any

from eqnorm.functional._kernels.points_lengths import part
from eqnorm.functional._kernels.points_moments import factors, means, squares
from eqnorm.functional._kernels.points_rows import graph_of, own_factor, relative
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r


@part
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
    means(x, x0, v, batch, mask, counts, how, stats)
    squares(x, x0, v, batch, mask, how, limits, stats)
    for b in range(graphs):
        factors(counts[b], cap, v.shape[0] > 0, how, limits, stats, b)
    own = scale in (r.OWN, r.OWN_CAP, r.OWN_CLIP)
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

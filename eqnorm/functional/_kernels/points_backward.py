"""Gradients of :mod:`eqnorm.functional._kernels.points`, in two passes over the rows.

The first takes sums over the rows of each graph, all rows, counted or not; from them come the
gradients of its statistics, which the second hands to the rows that are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels import points_statistics as sums_of
from eqnorm.functional._kernels.points_lengths import part, root_slope
from eqnorm.functional._kernels.points_rows import counted, graph_of, relative
from eqnorm.functional._kernels.points_statistics import of_statistics
from eqnorm.functional._kernels.points_sums import of_point, of_rows
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r


@part
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
    sums = np.zeros((graphs, sums_of.SUMS))
    of_rows(
        g, x, x0, v, gain, coefficients, batch, mask, how, limits, s, sums, of_gain, of_coefficients
    )
    total = 0.0
    for b in range(graphs):
        of_one = of_statistics(sums, counts[b], cap, v.shape[0] > 0, how, limits, s, b)
        total += of_one
    if of_cap.shape[0] > 0:
        of_cap[0] = total
    lengths, centred = how[r.SCALE] == r.LENGTH, how[r.CENTRED] > 0
    for i in range(unsigned(x.shape[0])):
        b = graph_of(i, batch, graphs)
        row = i if every else unsigned(0)
        enters = counted(i, mask)
        own = gain[i if each else unsigned(0), 0] if gain.shape[0] > 0 else 1.0
        p, q, t, _, _, _ = of_point(g, x, i, own, s, b, how, limits)
        if enters:
            a, d, e = relative(x, i, s, b, centred)
            by = sums[b, sums_of.SPREAD]
            if lengths:
                by *= root_slope(a * a + d * d + e * e, limits[r.TINY])
            p, q, t = p + by * a, q + by * d, t + by * e
            if centred:
                p += sums[b, sums_of.OF_CENTRE]
                q += sums[b, sums_of.OF_CENTRE + 1]
                t += sums[b, sums_of.OF_CENTRE + 2]
        of_x[i, 0], of_x[i, 1], of_x[i, 2] = p, q, t
        for k in range(3):
            if of_x0.shape[0] > 0:
                place = coefficients[row, frame + 2] * g[i, k] if frame >= 0 else 0.0
                if enters:
                    place += sums[b, sums_of.OF_ORIGIN + k]
                    place += sums[b, sums_of.EXTENDED] * (x0[i, k] - s[b, r.ORIGIN + k])
                of_x0[i, k] = place
            if of_v.shape[0] > 0:
                moved = coefficients[row, frame + 1] * g[i, k] if frame >= 0 else 0.0
                if enters:
                    moved += sums[b, sums_of.OF_VELOCITY + k] + sums[b, sums_of.SPEED] * v[i, k]
                of_v[i, k] = moved

"""What the loops of points ask of single rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.points_lengths import cap_factor, clip_factor, inner
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r


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
    if how[r.SCALE] == r.OWN:
        return 1 / np.sqrt(limits[r.SHARE] * square + stats[b, r.FLOOR])
    if how[r.SCALE] == r.OWN_CAP:
        return cap_factor(square, stats[b, r.FLOOR], limits[r.TINY])
    return clip_factor(square, stats[b, r.FLOOR], limits[r.TINY])

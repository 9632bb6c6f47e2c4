"""The formula that norms on points and displacements have in common, and what tells them apart."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

SCALES = ("one", "own", "square", "length", "cap", "own cap", "own clip", "within")
MEASURES = ("none", "extent", "travel")
DRIFTS = ("none", "unit", "plain", "cap", "reach cap")


class Recipe(NamedTuple):
    r"""How a point r_i, seen from where it is measured from, becomes one of the output.

    y_i = [mu0] + g_i u f_i r_i + a_i w c + sum_k a_ik e_ik, where, by graph,

    * r_i = x_i - mu, with ``centred``, or x_i;
    * M is the squared length to measure by: "extent" s0^2, "travel" S^2, or there is "none";
      u = sqrt(M) with ``in_units``, else 1; floor^2 = (eps sqrt(M))^2, or eps^2;
    * f_i by ``scale``: "one" 1; "own" 1/sqrt(share \|r_i\|^2 + floor^2); "square"
      1/sqrt(q + floor^2), q the mean of \|r_j\|^2; "length" 1/(mean of \|r_j\| + eps); "cap"
      L/sqrt(L^2 + q), L = c sqrt(M) with a learnable c; "own cap" and "own clip"
      L/sqrt(L^2 + \|r_i\|^2) and min(1, L/\|r_i\|), L = eps sqrt(M); "within" is a formula of
      its own, LayerNorm over the coordinates of each point, with coefficients (1, 3) or (N, 3)
      for its bias, and of the rest of this with eps alone;
    * c = mu - mu0, and w by ``drift``: "unit" u/sqrt(\|c\|^2 + floor^2); "plain" 1; "cap"
      L/sqrt(L^2 + \|c\|^2), L = s0, and "reach cap" L = c sqrt(s0^2 + rms(v)^2);
    * e_i1, e_i2, e_i3 are the mean velocity, v_i and x0_i - mu0, if there is a ``frame``.

    Attributes:
        scale: one of SCALES.
        eps: see above.
        centred: see above.
        keep: whether mu0 is added; without x0, and so without mu0, "plain" drift and this add mu.
        measure: one of MEASURES.
        in_units: see above.
        drift: one of DRIFTS.
        drift_column: which coefficient a_i is; -1 for 1.
        frame: column of the coefficient of e_i1; -1 if there is no frame.
        share: see above.
        bessel: q is the sum over 3n - 1 instead of the mean, for n points.
        in_gain: the coefficients are further columns of the gains.
    """

    scale: Literal["one", "own", "square", "length", "cap", "own cap", "own clip", "within"]
    eps: float = 0.0
    centred: bool = True
    keep: bool = True
    measure: Literal["none", "extent", "travel"] = "none"
    in_units: bool = False
    drift: Literal["none", "unit", "plain", "cap", "reach cap"] = "none"
    drift_column: int = -1
    frame: int = -1
    share: float = 1.0
    bessel: bool = False
    in_gain: bool = False


def choices(recipe: Recipe) -> Any:
    """The choices as integers, in the order below."""
    first = 1 if recipe.in_gain else 0
    how = [
        SCALES.index(recipe.scale),
        MEASURES.index(recipe.measure),
        DRIFTS.index(recipe.drift),
        recipe.centred,
        recipe.keep,
        recipe.in_units,
        recipe.drift_column + first if recipe.drift_column >= 0 else -1,
        recipe.frame + first if recipe.frame >= 0 else -1,
        recipe.bessel,
        recipe.in_gain,
    ]
    return np.array(how, dtype=np.int64)


def limits(recipe: Recipe, kind: type[np.floating[Any]]) -> Any:
    """The numbers, for points of a dtype, in the order below."""
    limit = np.finfo(kind)
    rounding, tiny = 4 * float(limit.eps), float(limit.tiny) ** 0.5
    return np.array([recipe.eps, recipe.share, rounding**2, tiny])


# Indices of SCALES, of MEASURES and of DRIFTS.
ONE, OWN, SQUARE, LENGTH, ALL_CAP, OWN_CAP, OWN_CLIP, WITHIN = range(8)
BY_EXTENT, BY_TRAVEL = 1, 2
DRIFT_UNIT, DRIFT_PLAIN, DRIFT_CAP, DRIFT_REACH_CAP = range(1, 5)
# Columns of the first table,
SCALE, MEASURE, DRIFT, CENTRED, KEEP, IN_UNITS, DRIFT_COLUMN, FRAME, BESSEL, IN_GAIN = range(10)
# of the second,
EPS, SHARE, ROUNDING_SQ, TINY = range(4)
# and of what the loops know of a graph: three vectors, then numbers.
ORIGIN, CENTRE, VELOCITY = 0, 3, 6
EXTENT_SQ, SPEED_SQ, SPREAD, MEASURED, UNIT, FLOOR, FACTOR, DRIFTS_BY, REACH_SQ = range(9, 18)
WIDTH = 18
# What the loops are handed: sizes; addresses, 0 for what is not there, of the inputs, of the graph,
# of what the forward pass leaves for the gradient, of the output or its gradient; of gradients.
NODES, GRAPHS, GAIN_ROWS, GAIN_WIDTH, ROWS, COLUMNS, FEATURES, FILMED, AROUND_ONE = range(9)
X, X0, V, GAIN, COEFFICIENTS, CAP, H, W, BIAS, LN_SCALE, LN_SHIFT, AMPLITUDE, MORE = range(9, 22)
BATCH, MASK, COUNTS, STATS, Y = range(22, 27)
OF_X, OF_X0, OF_V, OF_GAIN, OF_COEFFICIENTS, OF_CAP, OF_H, OF_W, OF_BIAS = range(27, 36)
OF_SCALE, OF_SHIFT, OF_AMPLITUDE, OF_MORE = range(36, 40)

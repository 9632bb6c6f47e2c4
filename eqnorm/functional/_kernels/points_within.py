"""LayerNorm over the three coordinates of each point, as loops: no point sees another."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.points_lengths import inner, part
from eqnorm.functional._kernels.vector import unsigned
from eqnorm.functional._points import recipe as r


@inner
def _centred(x: Any, i: Any, eps: float) -> Any:
    """Coordinates without their mean, and one over the root of variance + eps^2."""
    a, b, c = np.float64(x[i, 0]), np.float64(x[i, 1]), np.float64(x[i, 2])
    mean = (a + b + c) / 3
    a, b, c = a - mean, b - mean, c - mean
    return a, b, c, 1 / np.sqrt((a * a + b * b + c * c) / 3 + eps * eps)


@part
def forward(x: Any, gain: Any, bias: Any, limits: Any, y: Any) -> None:
    """Fill y (N, 3) from gains (1, 1) or (N, 1) and biases (1, 3) or (N, 3)."""
    each, every = gain.shape[0] > 1, bias.shape[0] > 1
    for i in range(unsigned(x.shape[0])):
        a, b, c, factor = _centred(x, i, limits[r.EPS])
        factor *= gain[i if each else unsigned(0), 0]
        row = i if every else unsigned(0)
        y[i, 0] = factor * a + bias[row, 0]
        y[i, 1] = factor * b + bias[row, 1]
        y[i, 2] = factor * c + bias[row, 2]


@part
def backward(
    g: Any, x: Any, gain: Any, bias: Any, limits: Any, of_x: Any, of_gain: Any, of_bias: Any
) -> None:
    """Fill all gradients from that of y."""
    each, every = gain.shape[0] > 1, bias.shape[0] > 1
    of_one, sums = 0.0, np.zeros(3)
    for i in range(unsigned(x.shape[0])):
        a, b, c, factor = _centred(x, i, limits[r.EPS])
        p, q, t = np.float64(g[i, 0]), np.float64(g[i, 1]), np.float64(g[i, 2])
        along = factor * (p * a + q * b + t * c)
        if each:
            of_gain[i, 0] = along
        else:
            of_one += along
        if every:
            of_bias[i, 0], of_bias[i, 1], of_bias[i, 2] = p, q, t
        else:
            sums[0] += p
            sums[1] += q
            sums[2] += t
        # The three coordinates that have lost their mean add up to zero.
        mean, by = (p + q + t) / 3, along * factor / 3
        factor *= gain[i if each else unsigned(0), 0]
        of_x[i, 0] = factor * (p - mean - by * a)
        of_x[i, 1] = factor * (q - mean - by * b)
        of_x[i, 2] = factor * (t - mean - by * c)
    if gain.shape[0] == 1:
        of_gain[0, 0] = of_one
    if bias.shape[0] == 1:
        for k in range(3):
            of_bias[0, k] = sums[k]

"""Coefficients a_k (o_k + tanh(W LN(h) + b)_k) of every row as loops, for few k.

LN(h) = z s + t with z of mean 0 and variance 1 over the C features of a row, so that W LN(h) + b
= (W s) z + (W t + b), and the products of a row need z alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqnorm.functional._kernels.vector import jit, unsigned

_TILE = 64  # rows that are summed in the precision of h, before float64 takes over


@jit
def _scaled(weight: Any, scale: Any) -> Any:
    return weight * scale


@jit
def _standardise(h: Any, i: Any, mean: Any, inverse: Any, z: Any) -> None:
    for c in range(unsigned(z.shape[0])):
        z[c] = (h[i, c] - mean) * inverse


@jit
def _dot(a: Any, k: Any, z: Any) -> Any:
    total = z[0] * 0
    for c in range(unsigned(z.shape[0])):
        total += a[k, c] * z[c]
    return total


@jit
def forward(
    h: Any,
    weight: Any,
    bias: Any,
    scale: Any,
    shift: Any,
    amplitude: Any,
    offset: Any,
    eps: float,
    y: Any,
    kept: Any,
) -> None:
    """Fill y (N, K) and, for the gradient, kept (N, K + 2): tanh, mean and 1/deviation."""
    rows, width = h.shape
    count = weight.shape[0]
    folded = _scaled(weight, scale)
    constant = np.empty(count, h.dtype)
    for k in range(count):
        total = 0.0
        for c in range(width):
            total += np.float64(weight[k, c]) * shift[c]
        constant[k] = total + bias[k]
    z = np.empty(width, h.dtype)
    zero, one = h.dtype.type(0), h.dtype.type(1)
    size = h.dtype.type(width)
    for i in range(unsigned(rows)):
        mean, square = zero, zero
        for c in range(unsigned(width)):
            mean += h[i, c]
        mean /= size
        for c in range(unsigned(width)):
            square += (h[i, c] - mean) * (h[i, c] - mean)
        inverse = one / np.sqrt(square / size + h.dtype.type(eps))
        _standardise(h, i, mean, inverse, z)
        for k in range(unsigned(count)):
            t = np.tanh(_dot(folded, k, z) + constant[k])
            kept[i, k] = t
            y[i, k] = amplitude[k] * (offset[k] + t)
        kept[i, count], kept[i, count + 1] = mean, inverse


@jit
def _flush(part: Any, total: Any) -> None:
    for k in range(unsigned(part.shape[0])):
        for c in range(unsigned(part.shape[1])):
            total[k, c] += part[k, c]
            part[k, c] = 0


@jit
def backward(
    g: Any,
    h: Any,
    weight: Any,
    scale: Any,
    shift: Any,
    amplitude: Any,
    offset: Any,
    kept: Any,
    of_h: Any,
    of_weight: Any,
    of_bias: Any,
    of_scale: Any,
    of_shift: Any,
    of_amplitude: Any,
) -> None:
    """Fill gradients; of_h has no rows where it is not wanted."""
    rows, width = h.shape
    count = weight.shape[0]
    folded = _scaled(weight, scale)
    part, total = np.zeros((count, width), h.dtype), np.zeros((count, width))
    of_logit, amplitudes = np.zeros(count), np.zeros(count)
    z, slope, p = np.empty(width, h.dtype), np.empty(width, h.dtype), np.empty(count, h.dtype)
    zero, one, size = h.dtype.type(0), h.dtype.type(1), h.dtype.type(width)
    for i in range(unsigned(rows)):
        mean, inverse = kept[i, count], kept[i, count + 1]
        _standardise(h, i, mean, inverse, z)
        slope[:] = zero
        for k in range(unsigned(count)):
            t = kept[i, k]
            amplitudes[k] += g[i, k] * (offset[k] + t)
            p[k] = g[i, k] * amplitude[k] * (one - t * t)
            of_logit[k] += p[k]
            for c in range(unsigned(width)):
                part[k, c] += p[k] * z[c]
                slope[c] += p[k] * folded[k, c]
        if of_h.shape[0] > 0:
            first, second = zero, zero
            for c in range(unsigned(width)):
                first += slope[c]
                second += slope[c] * z[c]
            first, second = first / size, second / size
            for c in range(unsigned(width)):
                of_h[i, c] = inverse * (slope[c] - first - z[c] * second)
        if i % _TILE == _TILE - 1:
            _flush(part, total)
    _flush(part, total)
    for c in range(width):
        by_scale, by_shift = 0.0, 0.0
        for k in range(count):
            of_weight[k, c] = total[k, c] * scale[c] + of_logit[k] * shift[c]
            by_scale += total[k, c] * weight[k, c]
            by_shift += of_logit[k] * weight[k, c]
        of_scale[c], of_shift[c] = by_scale, by_shift
    for k in range(count):
        of_bias[k], of_amplitude[k] = of_logit[k], amplitudes[k]

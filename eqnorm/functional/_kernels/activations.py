"""Activations of the length-based norms and their slopes, in loops that vectorise.

For float32 the exponential and the logarithm of a softplus are polynomials, which the compiler
takes sixteen at a time: 0.6 ns against 10 ns for calls of the C library, which serve float64.
Relative errors are below 3e-7; as in torch, a softplus above 20 is its argument.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eqnorm.functional._kernels.vector import OPTIONS, inner, unsigned

IDENTITY, RELU, SOFTPLUS = 0, 1, 2
_overload: Any = importlib.import_module("numba.extending").overload
_types = importlib.import_module("numba").types
_LN2 = np.float32(math.log(2))
_PER_LN2 = np.float32(1 / math.log(2))
_EXP = [np.float32(1 / math.factorial(n)) for n in range(8)]
_ATANH = [np.float32(2 / (2 * n + 1)) for n in range(8)]
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7 = _EXP
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7 = _ATANH
_ZERO, _TWO, _HALF, _FAR = np.float32(0), np.float32(2), np.float32(0.5), np.float32(87)
_BIAS, _MANTISSA = np.int32(127), np.int32(23)


def exp_minus(a: Any) -> Any:
    """E^-a for a >= 0; inside kernels only."""
    raise NotImplementedError


def log1p(w: Any) -> Any:
    """Log(1 + w) for w from 0 to 1; inside kernels only."""
    raise NotImplementedError


def _exp_minus(a: Any) -> Callable[[Any], Any]:
    def polynomial(a: Any) -> Any:
        # 2^-n e^r, with n whole and r small; by its bits, 2^-n is exact. NaN stays.
        near = _FAR if a > _FAR else a
        n = np.int32(near * _PER_LN2 + _HALF)
        r = np.float32(n) * _LN2 - near
        p = ((_E7 * r + _E6) * r + _E5) * r + _E4
        p = (((p * r + _E3) * r + _E2) * r + _E1) * r + _E0
        return p * np.int32((_BIAS - n) << _MANTISSA).view(np.float32)

    def library(a: Any) -> Any:
        return math.exp(-a)

    return polynomial if a == _types.float32 else library


def _log1p(w: Any) -> Callable[[Any], Any]:
    def polynomial(w: Any) -> Any:
        # 2 atanh(s); s is at most a third.
        s = w / (_TWO + w)
        q = s * s
        p = ((_A7 * q + _A6) * q + _A5) * q + _A4
        return s * ((((p * q + _A3) * q + _A2) * q + _A1) * q + _A0)

    def library(w: Any) -> Any:
        return math.log1p(w)

    return polynomial if w == _types.float32 else library


_overload(exp_minus, jit_options=OPTIONS)(_exp_minus)
_overload(log1p, jit_options=OPTIONS)(_log1p)


@inner
def gains(z: Any, v: Any, rows: Any, table: Any, activation: int) -> None:
    """Z = f(z) / v, for all but even scalars."""
    kind = z.dtype.type
    zero, limit = kind(0), kind(20)
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low = unsigned(table[block, 3])
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            if activation == SOFTPLUS:
                for k in range(low, high):
                    a = z[t, k]
                    soft = (a if a > zero else zero) + log1p(exp_minus(abs(a)))
                    z[t, k] = (a if a > limit else soft) / v[t, k]
            elif activation == RELU:
                for k in range(low, high):
                    z[t, k] = (zero if z[t, k] < zero else z[t, k]) / v[t, k]
            else:
                for k in range(low, high):
                    z[t, k] = z[t, k] / v[t, k]


@inner
def slopes(z: Any, v: Any, d: Any, a: Any, rows: Any, table: Any, activation: int) -> None:
    """A = f(z) / v, z = -a d / v and d = f'(z) d / v, for all but even scalars."""
    kind = z.dtype.type
    zero, one, limit = kind(0), kind(1), kind(20)
    for block in range(table.shape[0]):
        if table[block, 5]:
            continue
        low = unsigned(table[block, 3])
        high = low + unsigned(table[block, 1])
        for t in range(rows):
            if activation == SOFTPLUS:
                for k in range(low, high):
                    s = z[t, k]
                    w = exp_minus(abs(s))
                    soft = (s if s > zero else zero) + log1p(w)
                    slope = (one if s > zero else w) / (one + w)
                    far = s > limit
                    per = one / v[t, k]
                    gain = (s if far else soft) * per
                    part = d[t, k] * per
                    a[t, k] = gain
                    z[t, k] = -gain * part
                    d[t, k] = (one if far else slope) * part
            elif activation == RELU:
                for k in range(low, high):
                    s = z[t, k]
                    part = d[t, k] / v[t, k]
                    gain = (zero if s < zero else s) / v[t, k]
                    a[t, k] = gain
                    z[t, k] = -gain * part
                    d[t, k] = part if s > zero else zero
            else:
                for k in range(low, high):
                    gain, part = z[t, k] / v[t, k], d[t, k] / v[t, k]
                    a[t, k] = gain
                    z[t, k] = -gain * part
                    d[t, k] = part

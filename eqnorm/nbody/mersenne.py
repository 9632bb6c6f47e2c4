"""numpy's legacy random numbers, compiled: so that those nobody uses can be skipped quickly.

The reference generator draws two noise arrays per trajectory even when the noise is zero; at N = 5
they are 98% of all its random numbers. Here the uniform numbers behind them are drawn, since how
many there are depends on their values, but no normal number is made of them.

The generator is MT19937 (Matsumoto and Nishimura 1998), its normals Marsaglia's polar method, as in
`numpy.random.RandomState`, whose streams numpy keeps fixed (NEP 19).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._numba import compiled

_WORDS = 624
UNIFORMS = _WORDS // 2
"""Uniform numbers made at once: each takes two words, and nothing here takes a single one."""

Array = NDArray[np.float64]
Words = NDArray[np.uint32]
Position = NDArray[np.int64]


@compiled
def _twist(key: Words, begin: int, end: int, far: int, near: int) -> None:
    """Recurrence for words begin to end, which look `far` and `near` ahead."""
    for k in range(begin, end):
        y = (key[k] & np.uint32(0x80000000)) | (key[k + near] & np.uint32(0x7FFFFFFF))
        odd = np.uint32(0) - (y & np.uint32(1))  # all bits or none
        key[k] = key[k + far] ^ (y >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF))


@compiled
def _refill(key: Words, buffer: Array) -> None:
    """Makes the next 624 words, and of them 312 uniform numbers in [0, 1) with 53 random bits."""
    shift = 397
    _twist(key, 0, _WORDS - shift, shift, 1)
    _twist(key, _WORDS - shift, _WORDS - 1, shift - _WORDS, 1)
    _twist(key, _WORDS - 1, _WORDS, shift - _WORDS, 1 - _WORDS)
    for k in range(UNIFORMS):
        high = _temper(key[2 * k]) >> np.uint32(5)
        low = _temper(key[2 * k + 1]) >> np.uint32(6)
        buffer[k] = (np.float64(high) * 67108864.0 + np.float64(low)) / 9007199254740992.0


@compiled
def _temper(y: np.uint32) -> np.uint32:
    y ^= y >> np.uint32(11)
    y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    y ^= y >> np.uint32(18)
    return np.uint32(y)


@compiled
def _uniform(key: Words, buffer: Array, position: Position) -> float:
    if position[0] >= UNIFORMS:
        _refill(key, buffer)
        position[0] = 0
    value = buffer[position[0]]
    position[0] += 1
    return float(value)


@compiled
def _pair(key: Words, buffer: Array, position: Position) -> tuple[float, float, float]:
    """A point in the unit disc, and its squared radius."""
    while True:
        a = 2.0 * _uniform(key, buffer, position) - 1.0
        b = 2.0 * _uniform(key, buffer, position) - 1.0
        r2 = a * a + b * b
        if r2 < 1.0 and r2 != 0.0:
            return a, b, r2


@compiled
def _normals(key: Words, buffer: Array, position: Position, out: Array) -> None:
    """Fills `out`, of even length, with standard normal numbers."""
    for k in range(0, out.size, 2):
        a, b, r2 = _pair(key, buffer, position)
        factor = math.sqrt(-2.0 * math.log(r2) / r2)
        out[k] = factor * b
        out[k + 1] = factor * a


@compiled
def _skip(key: Words, buffer: Array, position: Position, pairs: int) -> None:
    """Draws as `pairs` calls of `_pair` would, without branches that a processor mispredicts."""
    k, left = position[0], pairs
    while left > 0:
        if k + 1 < UNIFORMS:
            a, b = buffer[k], buffer[k + 1]
            k += 2
        else:
            position[0] = k
            a = _uniform(key, buffer, position)
            b = _uniform(key, buffer, position)
            k = position[0]
        a = 2.0 * a - 1.0
        b = 2.0 * b - 1.0
        r2 = a * a + b * b
        left -= int(r2 < 1.0) & int(r2 != 0.0)
    position[0] = k


@compiled
def draw(
    key: Words,
    buffer: Array,
    position: Position,
    skipped: int,
    charges: Array,
    loc: Array,
    vel: Array,
) -> None:
    """Draws charges and standard normal positions and velocities of M trajectories.

    Args:
        key: State of the generator, (624,); changed.
        buffer: Uniform numbers made, (312,); changed.
        position: How many of them are used, (1,), 312 at first; changed.
        skipped: Normal numbers of noise to skip after each trajectory; even.
        charges: Filled with +-1, (M, N).
        loc: Filled with standard normal numbers, (M, 3, N): component-major, as in the reference.
        vel: Likewise.
    """
    m, n = charges.shape
    normals = np.empty(6 * n)
    for trajectory in range(m):
        for i in range(n):
            charges[trajectory, i] = -1.0 if _uniform(key, buffer, position) < 0.5 else 1.0
        _normals(key, buffer, position, normals)
        for c in range(3):
            for i in range(n):
                loc[trajectory, c, i] = normals[c * n + i]
                vel[trajectory, c, i] = normals[(3 + c) * n + i]
        _skip(key, buffer, position, skipped // 2)

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

_SIZE = 624

Array = NDArray[np.float64]
Words = NDArray[np.uint32]
Position = NDArray[np.int64]


@compiled
def _refill(key: Words) -> None:
    """Makes the next 624 words in place."""
    for k in range(_SIZE):
        after = key[k + 1 if k + 1 < _SIZE else 0]
        y = (key[k] & np.uint32(0x80000000)) | (after & np.uint32(0x7FFFFFFF))
        mixed = key[k + 397 if k + 397 < _SIZE else k + 397 - _SIZE] ^ (y >> np.uint32(1))
        if y & np.uint32(1):
            mixed ^= np.uint32(0x9908B0DF)
        key[k] = mixed


@compiled
def _word(key: Words, position: Position) -> np.uint32:
    if position[0] >= _SIZE:
        _refill(key)
        position[0] = 0
    y = key[position[0]]
    position[0] += 1
    y ^= y >> np.uint32(11)
    y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    y ^= y >> np.uint32(18)
    return np.uint32(y)


@compiled
def _uniform(key: Words, position: Position) -> float:
    """A double in [0, 1) of 53 random bits."""
    high = np.float64(_word(key, position) >> np.uint32(5))
    low = np.float64(_word(key, position) >> np.uint32(6))
    return float((high * 67108864.0 + low) / 9007199254740992.0)


@compiled
def _pair(key: Words, position: Position) -> tuple[float, float, float]:
    """A point in the unit disc, and its squared radius."""
    while True:
        a = 2.0 * _uniform(key, position) - 1.0
        b = 2.0 * _uniform(key, position) - 1.0
        r2 = a * a + b * b
        if r2 < 1.0 and r2 != 0.0:
            return a, b, r2


@compiled
def _normals(key: Words, position: Position, out: Array) -> None:
    """Fills `out`, of even length, with standard normal numbers."""
    for k in range(0, out.size, 2):
        a, b, r2 = _pair(key, position)
        factor = math.sqrt(-2.0 * math.log(r2) / r2)
        out[k] = factor * b
        out[k + 1] = factor * a


@compiled
def draw(
    key: Words, position: Position, skipped: int, charges: Array, loc: Array, vel: Array
) -> None:
    """Draws charges and standard normal positions and velocities of M trajectories.

    Args:
        key: State of the generator, (624,); changed.
        position: Words of it used so far, (1,); changed.
        skipped: Normal numbers of noise to skip after each trajectory; even.
        charges: Filled with +-1, (M, N).
        loc: Filled with standard normal numbers, (M, 3, N): component-major, as in the reference.
        vel: Likewise.
    """
    m, n = charges.shape
    normals = np.empty(6 * n)
    for trajectory in range(m):
        for i in range(n):
            charges[trajectory, i] = -1.0 if _uniform(key, position) < 0.5 else 1.0
        _normals(key, position, normals)
        for c in range(3):
            for i in range(n):
                loc[trajectory, c, i] = normals[c * n + i]
                vel[trajectory, c, i] = normals[(3 + c) * n + i]
        for _ in range(skipped // 2):
            _pair(key, position)

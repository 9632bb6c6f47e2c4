"""Arrangements of points of unit size: generic ones, and the degenerate ones that break models."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Layout = Callable[[int, np.random.Generator], Array]


def generic(n: int, rng: np.random.Generator) -> Array:
    """Normal coordinates, shape (n, 3)."""
    return rng.standard_normal((n, 3))


def coincident(n: int, rng: np.random.Generator) -> Array:
    """All nodes in one place."""
    return np.repeat(rng.standard_normal((1, 3)), n, axis=0)


def pair(n: int, rng: np.random.Generator) -> Array:
    """The last two nodes in one place, the others generic."""
    x = rng.standard_normal((n, 3))
    x[-1] = x[-min(2, n)]
    return x


def near(n: int, rng: np.random.Generator) -> Array:
    """The last two nodes 1e-4 apart, the others generic."""
    x = pair(n, rng)
    x[-1] += 1e-4 * rng.standard_normal(3)
    return x


def collinear(n: int, rng: np.random.Generator) -> Array:
    """On a line through the origin."""
    line = rng.standard_normal(3)
    return rng.standard_normal((n, 1)) * line / np.linalg.norm(line)


def planar(n: int, rng: np.random.Generator) -> Array:
    """In the plane z = 0: degenerate, and aligned with the axes."""
    x = rng.standard_normal((n, 3))
    x[:, 2] = 0.0
    return x


def lattice(n: int, rng: np.random.Generator) -> Array:
    """The n points of the cubic lattice nearest the origin: every distance many times over."""
    points = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)), dtype=np.float64)
    return points[np.argsort((points**2).sum(1), kind="stable")[:n]]


def centred(n: int, rng: np.random.Generator) -> Array:
    """The first node exactly at the centre of mass, at the origin."""
    x = mirrored(n, rng)
    return x if n % 2 else np.concatenate([np.zeros((1, 3)), _balanced(n - 1, rng)])


def mirrored(n: int, rng: np.random.Generator) -> Array:
    """Nodes in pairs x, -x (and one at the origin if n is odd): the centre is exact."""
    half = rng.integers(-64, 65, size=(n // 2, 3)) / 32.0
    rest = [np.zeros((1, 3))] if n % 2 else []
    return np.concatenate([*rest, half, -half])


def _balanced(n: int, rng: np.random.Generator) -> Array:
    """An odd number of points whose sum is exactly zero."""
    if n < 3:
        return np.zeros((n, 3))
    three = rng.integers(-64, 65, size=(2, 3)) / 32.0
    return np.concatenate([three, -three.sum(0, keepdims=True), mirrored(n - 3, rng)])


BY_NAME: dict[str, Layout] = {
    "generic": generic,
    "collinear": collinear,
    "planar": planar,
    "lattice": lattice,
    "centred": centred,
    "mirrored": mirrored,
    "pair": pair,
    "near": near,
    "coincident": coincident,
}

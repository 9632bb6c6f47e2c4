"""Neighbours in a periodic box by a loop over all copies, and systems at random."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st
from torch import Tensor

from eqnorm import Graph

Vector = tuple[int, int, float, float, float]


def by_loop(x: np.ndarray, cell: np.ndarray, cutoff: float) -> list[Vector]:
    """Every (receiver, sender, relative vector) nearer than the cutoff, over all copies."""
    heights = [
        abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(cell[k - 2], cell[k - 1]))
        for k in range(3)
    ]
    spread = np.ptp(x @ np.linalg.inv(cell), axis=0)
    reach = [int(np.ceil(cutoff / h + s)) for h, s in zip(heights, spread, strict=True)]
    found = []
    for numbers in itertools.product(*[range(-r, r + 1) for r in reach]):
        vectors = x[:, None] - x[None] + np.array(numbers) @ cell
        for i, j in itertools.product(range(len(x)), repeat=2):
            if (i != j or any(numbers)) and np.linalg.norm(vectors[i, j]) < cutoff:
                found.append((i, j, *vectors[i, j]))
    return found


def vectors_of(graph: Graph, x: Tensor) -> list[Vector]:
    pairs = zip(graph.receivers.tolist(), graph.senders.tolist(), strict=True)
    return [(*p, *r) for p, r in zip(pairs, graph.relative(x).tolist(), strict=True)]


def assert_same(found: list[Vector], expected: list[Vector]) -> None:
    """The same vectors, as often, for every pair; in any order."""
    assert sorted(v[:2] for v in found) == sorted(v[:2] for v in expected)
    for pair in {v[:2] for v in found}:
        one, other = (np.array([v[2:] for v in vs if v[:2] == pair]) for vs in (found, expected))
        apart = np.linalg.norm(one[:, None] - other[None], axis=-1)
        assert (apart < 1e-5).sum(0).tolist() == [1] * len(one)
        assert (apart < 1e-5).sum(1).tolist() == [1] * len(one)


@st.composite
def systems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """Points in and outside of a triclinic box, some left-handed, and a cutoff."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = rng.uniform(1, 5, 3)
    cell = np.diag(lengths) + rng.uniform(-0.35, 0.35, (3, 3)) * lengths
    cell *= draw(st.sampled_from([1, -1]))
    apart = draw(st.sampled_from([1, 1, 4]))  # in units of the box: 4 is an unwrapped trajectory
    x = (rng.uniform(0, apart, (draw(st.integers(1, 5)), 3)) - rng.integers(0, 3)) @ cell
    return x, cell, draw(st.sampled_from([0.6, 1.5, 3.0])) * float(rng.uniform(0.9, 1.1))

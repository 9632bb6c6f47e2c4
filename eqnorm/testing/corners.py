"""Inputs that are looked at first: the corners in which bugs are known to sit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from eqnorm.testing.cases import Case, Motion

CORNERS: tuple[tuple[Case, Motion], ...] = (
    (Case((5, 4)), Motion("generic", True, 1.0, True, 1)),
    (Case((3, 7, 2), scale=1e3, vectors=1e3, seed=1), Motion("generic", True, 100.0, True, 2)),
    (Case((4, 6), offset=1e4, seed=2), Motion("generic", False, 0.0, True, 3)),
    (Case((1,), seed=3), Motion("generic", True, 10.0, False, 4)),
    (Case((12, 12), scale=10.0, edges="sparse", seed=4), Motion("generic", True, 1e3, True, 5)),
    (Case((6, 3), "pair", seed=5), Motion("generic", False, 10.0, True, 6)),
    (Case((40,), scale=3.0, seed=6), Motion("generic", True, 1e4, True, 7)),
    (Case((4, 4, 4), still=True, seed=7), Motion("generic", True, 1.0, True, 8)),
    (Case((5, 3), "coincident", seed=8), Motion("generic", False, 1.0, False, 9)),
    (Case((7, 2), scale=1e-3, vectors=1e-3, seed=9), Motion("generic", True, 1e-3, True, 10)),
    (Case((2, 1, 3), offset=100.0, seed=10), Motion("half", True, 1.0, True, 11)),
    (Case((9, 5), "lattice", seed=11), Motion("generic", False, 1.0, True, 12)),
    (Case((6, 6), outlier=1e3, seed=12), Motion("generic", True, 1.0, True, 13)),
    (Case((5, 2), "collinear", seed=13), Motion("generic", True, 1.0, True, 14)),
    (Case((6, 4), "planar", scale=100.0, seed=14), Motion("generic", False, 1e3, True, 15)),
    (Case((1, 1, 1), scale=10.0, offset=10.0, seed=15), Motion("generic", True, 1.0, True, 16)),
    (Case((24, 3), seed=16), Motion("z90", False, 1.0, True, 17)),
    (Case((5, 5), "centred", scalars=0.0, seed=17), Motion("generic", True, 1.0, True, 18)),
    (Case((3, 5), edges="none", seed=18), Motion("generic", False, 1.0, True, 19)),
    (Case((2,), "coincident", offset=10.0, seed=19), Motion("generic", True, 0.0, False, 20)),
    (Case((8, 4), scale=30.0, vectors=30.0, scalars=10.0, seed=20), Motion("x180", True, 30.0)),
    (Case((6, 6), "mirrored", seed=21), Motion("generic", True, 1.0, True, 22)),
    (Case((15, 10, 5), scale=0.1, vectors=10.0, seed=22), Motion("generic", True, 10.0, True, 23)),
    (
        Case((4, 3), scale=1e3, offset=1e4, vectors=1.0, seed=23),
        Motion("generic", False, 0.0, True),
    ),
    (Case((10, 2), "near", seed=24), Motion("generic", True, 1.0, True, 25)),
    (Case((20, 20), scale=300.0, seed=25), Motion("y90", True, 300.0, True, 26)),
    (Case((3, 2, 4, 1), scale=0.01, seed=26), Motion("generic", True, 0.1, True, 27)),
    (Case((7, 7), scale=1e3, vectors=1e-3, seed=27), Motion("generic", False, 1e4, True, 28)),
    (Case((30,), edges="sparse", outlier=30.0, seed=28), Motion("generic", True, 1.0, True, 29)),
    (Case((5, 3), vectors=1e3, scalars=0.1, seed=29), Motion("small", True, 0.0, True, 30)),
)


def corners(seed: int) -> list[tuple[Case, Motion]]:
    """The corners, with other values for other seeds."""
    shift = 1000 * seed
    return [
        (
            dataclasses.replace(case, seed=case.seed + shift),
            dataclasses.replace(motion, seed=motion.seed + shift),
        )
        for case, motion in CORNERS
    ]


def special_motions(count: int, seed: int) -> Iterator[Motion]:
    """Group elements for a sample that is given: special and generic ones in turn."""
    for number in range(max(count, 1)):
        special = ("generic", "generic", "z90", "half", "x180", "small")[number % 6]
        shift = (1.0, 10.0, 100.0, 1e3, 0.1, 1e4)[number % 6]
        yield Motion(special, number % 2 == 0, shift, number % 3 != 2, 1 + number + 1000 * seed)

"""Compact descriptions of inputs and of group elements: what the search draws and shrinks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

LAYOUTS = (
    "generic",
    "collinear",
    "planar",
    "lattice",
    "centred",
    "mirrored",
    "pair",
    "near",
    "coincident",
)
ROTATIONS = (
    "none",
    "z90",
    "x90",
    "y90",
    "z180",
    "x180",
    "y180",
    "cyclic",
    "small",
    "half",
    "generic",
)
EDGES = ("complete", "sparse", "none")


class _Short:
    """A repr that leaves out what is at its default, so that printed code stays short."""

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Case(_Short):
    """One input, described by a few numbers.

    Attributes:
        sizes: nodes of each graph.
        layout: arrangement of the points, one of ``LAYOUTS``.
        scale: size of the system.
        offset: distance of its centre from the origin.
        outlier: how many times further out the last node of each graph is moved; 0 for none.
        vectors: size of vector and tensor features.
        scalars: size of invariant features.
        still: vectors and tensors are zero, and every further ``"points"`` input equals the first.
        edges: one of ``EDGES``.
        seed: of the values.
    """

    sizes: tuple[int, ...] = (3,)
    layout: str = "generic"
    scale: float = 1.0
    offset: float = 0.0
    outlier: float = 0.0
    vectors: float = 1.0
    scalars: float = 1.0
    still: bool = False
    edges: str = "complete"
    seed: int = 0


@dataclass(frozen=True, repr=False)
class Motion(_Short):
    """One group element and relabelling, described by a few numbers.

    Attributes:
        rotation: one of ``ROTATIONS``.
        reflect: whether space is inverted too.
        shift: length of the translation.
        permute: whether nodes, edges and graphs are relabelled.
        seed: of the generic rotation, the direction of the shift and the permutation.
    """

    rotation: str = "generic"
    reflect: bool = False
    shift: float = 0.0
    permute: bool = False
    seed: int = 0


def simpler(value: Case | Motion) -> list[Any]:
    """Simpler variants of a description, simplest first: what the shrinker tries."""
    variants: list[Any] = []

    def offer(**changes: Any) -> None:
        variant = dataclasses.replace(value, **changes)
        if variant != value:
            variants.append(variant)

    if isinstance(value, Motion):
        rank = ROTATIONS.index(value.rotation)
        for rotation in ROTATIONS[:rank]:
            if rotation not in ("small", "half"):
                offer(rotation=rotation)
        offer(reflect=False)
        for shift in (0.0, 1.0, 10.0, 100.0, 1e3):
            if shift < value.shift:
                offer(shift=shift)
        offer(permute=False)
        for seed in range(min(value.seed, 3)):
            offer(seed=seed)
        return variants
    for sizes in _smaller(value.sizes):
        offer(sizes=sizes)
    if value.layout != "generic":
        offer(layout="generic")
    for name, plain in (("scale", 1.0), ("vectors", 1.0), ("scalars", 1.0)):
        offer(**{name: plain})
    for offset in (0.0, 1.0, 10.0, 100.0, 1e3):
        if offset < value.offset:
            offer(offset=offset)
    offer(outlier=0.0)
    offer(still=False)
    offer(edges="complete")
    for seed in range(min(value.seed, 3)):
        offer(seed=seed)
    return variants


def _smaller(sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    found = [sizes[:keep] for keep in range(1, len(sizes))]
    found += [sizes[start:] for start in range(1, len(sizes))]
    for index, size in enumerate(sizes):
        for less in sorted({1, 2, 3, 4, 6, 9, size // 2, size - 1}):
            if 1 <= less < size:
                found.append((*sizes[:index], less, *sizes[index + 1 :]))
    return sorted(set(found), key=lambda s: (sum(s), len(s)))

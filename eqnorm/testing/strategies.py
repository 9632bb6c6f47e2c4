"""Hypothesis strategies for systems and group elements; bounded, and quick to shrink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from hypothesis import strategies as st

from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.testing.build import build
from eqnorm.testing.cases import EDGES, LAYOUTS, Case, Motion
from eqnorm.testing.declare import parse_inputs
from eqnorm.testing.tolerances import TOLERANCES
from eqnorm.testing.transforms import element
from eqnorm.types import GroupElement

__all__ = ["OFFSETS", "SCALES", "cases", "group_elements", "motions", "sizes", "systems"]

SCALES = (1.0, 10.0, 0.1, 100.0, 0.01, 1e3, 1e-3)
OFFSETS = (0.0, 1.0, 10.0, 100.0, 1e3, 1e4)
_SEEDS = st.integers(0, 2**16)


def sizes(max_graphs: int = 4, max_nodes: int = 40, total: int = 48) -> st.SearchStrategy[Any]:
    """Node counts of the graphs of a ragged batch.

    Args:
        max_graphs: of the batch.
        max_nodes: of one graph.
        total: of the batch; large graphs come alone.
    """
    one = st.one_of(st.integers(1, min(8, max_nodes)), st.integers(1, max_nodes))

    def cut(drawn: list[int]) -> tuple[int, ...]:
        kept: list[int] = []
        used = 0
        for size in drawn:
            if not kept or used + size <= total:
                kept.append(size)
                used += size
        return tuple(kept)

    return st.lists(one, min_size=1, max_size=max_graphs).map(cut)


@st.composite
def cases(
    draw: st.DrawFn,
    max_graphs: int = 4,
    max_nodes: int = 40,
    degenerate: bool = True,
    min_scale: float = 1e-3,
    max_scale: float = 1e3,
    max_offset: float = 1e4,
) -> Case:
    """Descriptions of inputs; see :class:`eqnorm.testing.Case`.

    Args:
        draw: given by Hypothesis.
        max_graphs: of the batch.
        max_nodes: of one graph.
        degenerate: draw coincident, collinear, planar, lattice and centred arrangements too.
        min_scale: of the system.
        max_scale: of the system.
        max_offset: of its centre from the origin.
    """
    scale = draw(st.sampled_from([s for s in SCALES if min_scale <= s <= max_scale] or [max_scale]))
    reach = min(max_offset, TOLERANCES.farthest * scale)
    return Case(
        sizes=draw(sizes(max_graphs, max_nodes)),
        layout=draw(st.one_of(st.just("generic"), st.sampled_from(LAYOUTS)))
        if degenerate
        else "generic",
        scale=scale,
        offset=draw(st.sampled_from([o for o in OFFSETS if o <= reach])),
        outlier=draw(st.sampled_from([0.0, 0.0, 10.0, 1e3])) if degenerate else 0.0,
        vectors=draw(st.sampled_from((1.0, *SCALES))),
        scalars=draw(st.sampled_from([1.0, 0.1, 10.0, 0.0] if degenerate else [1.0])),
        still=draw(st.sampled_from([False, False, False, True])) if degenerate else False,
        edges=draw(st.sampled_from(("complete", *EDGES))),
        seed=draw(_SEEDS),
    )


@st.composite
def motions(draw: st.DrawFn, max_shift: float = 1e4) -> Motion:
    """Descriptions of group elements and relabellings."""
    special = ("generic", "z90", "x90", "y180", "cyclic", "small", "half")
    return Motion(
        rotation=draw(st.one_of(st.just("generic"), st.sampled_from(special))),
        reflect=draw(st.booleans()),
        shift=draw(
            st.sampled_from([s for s in (1.0, 0.1, 10.0, 100.0, 1e3, 1e4) if s <= max_shift])
        ),
        permute=draw(st.sampled_from([True, True, False])),
        seed=draw(_SEEDS),
    )


def group_elements(group: SymmetryLike = "SE3") -> st.SearchStrategy[GroupElement]:
    """Elements of a group, in float64: special ones (exact) and generic ones."""
    symmetry = Symmetry.parse(group)

    def make(motion: Motion) -> GroupElement:
        return element(
            Motion(
                motion.rotation if Symmetry.ROTATION in symmetry else "none",
                motion.reflect and Symmetry.REFLECTION in symmetry,
                motion.shift if Symmetry.TRANSLATION in symmetry else 0.0,
                False,
                motion.seed,
            )
        )

    return motions().map(make)


def systems(
    inputs: Mapping[str, Any],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    **bounds: Any,
) -> st.SearchStrategy[dict[str, Any]]:
    """Concrete arguments for ``inputs``; pass it, or a variant of it, as ``sample``.

    Args:
        inputs: names to types, as for :func:`eqnorm.testing.assert_equivariant`.
        dtype: of the tensors.
        device: of the tensors.
        **bounds: of :func:`cases`.
    """
    slots = parse_inputs(inputs)
    return cases(**bounds).map(lambda case: build(case, slots, dtype, device))

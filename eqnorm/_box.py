"""Periodic boxes and the shifts of edges that cross them; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from eqnorm.graph import Graph

# |det| over the product of the lengths: 1 for a right-angled box, 0 for one without volume.
_FLAT = 1e-9


def parse_box(box: Tensor, num_graphs: int, device: torch.device) -> Tensor:
    """The cell of every graph, its rows the lattice vectors: (B, 3, 3), float64.

    Args:
        box: one cell (3, 3) or (1, 3, 3) for all graphs, or (B, 3, 3); or the edge lengths of
            right-angled boxes, (3,), (1, 3) or (B, 3).
        num_graphs: B.
        device: where the nodes are.

    Raises:
        ValueError: another shape or device, integers, NaN, or a box without volume.
    """
    expected = (
        f"one cell (3, 3) or {num_graphs} of them, or lengths (3,) or ({num_graphs}, 3), for "
        f"{num_graphs} graph{'' if num_graphs == 1 else 's'}"
    )
    if not isinstance(box, Tensor):
        raise ValueError(
            f"box must be a tensor, {expected}, got {type(box).__name__}; use torch.as_tensor(box)"
        )
    if not box.is_floating_point():
        raise ValueError(f"box must be floating point, got {box.dtype}; use box.double()")
    if box.device != device:
        raise ValueError(f"box is on {box.device} but the nodes are on {device}; move one of them")
    if not bool(torch.isfinite(box).all()):
        raise ValueError("box holds NaN or Inf; give every lattice vector a finite length")
    if box.shape == (3, 3) and num_graphs == 3 and bool((box > 0).all()):
        raise ValueError(
            "box of shape (3, 3) for 3 graphs may be one cell or three rows of lengths; give "
            "box[None] for one cell, torch.diag_embed(box) for lengths"
        )
    lengths = box.dim() < 3 and box.shape != (3, 3)
    cells = torch.diag_embed(box) if lengths and box.dim() else box
    if cells.dim() == 2:
        cells = cells.unsqueeze(0)
    if cells.dim() != 3 or cells.shape[1:] != (3, 3) or cells.shape[0] not in (1, num_graphs):
        raise ValueError(f"box must be {expected}, got shape {tuple(box.shape)}")
    if lengths and not bool((box > 0).all()):
        raise ValueError(f"box lengths must be positive, in the unit of x, got {box.tolist()}")
    cells = cells.double()
    extent = cells.detach().square().sum(-1).sqrt().prod(-1)
    flat = ~(volumes(cells.detach()) > _FLAT * extent)
    if bool(flat.any()):
        worst = int(flat.nonzero()[0, 0])
        raise ValueError(
            f"box has no volume: the lattice vectors (rows) {cells[worst].tolist()} lie in a "
            "plane; give three independent ones, or box=None for an open system"
        )
    return cells.expand(num_graphs, 3, 3)


def volumes(cells: Tensor) -> Tensor:
    """Volume of every cell: (B, 3, 3) -> (B,)."""
    a, b, c = cells.unbind(1)
    volume: Tensor = (a * torch.linalg.cross(b, c)).sum(-1).abs()
    return volume


def parse_shifts(
    shifts: Tensor, cells: Tensor, graph_of_edge: Tensor, num_edges: int, validate: bool
) -> Tensor:
    """The shift of every edge as a vector: (E, 3), float64.

    Args:
        shifts: as vectors (floating point) or as numbers of lattice vectors (integers).
        cells: of every graph, shape (B, 3, 3).
        graph_of_edge: shape (E,).
        num_edges: E.
        validate: check that vectors are whole numbers of lattice vectors.

    Raises:
        ValueError: wrong shape, dtype or device, NaN, or vectors that join no copies.
    """
    if not isinstance(shifts, Tensor) or shifts.shape != (num_edges, 3):
        came = tuple(shifts.shape) if isinstance(shifts, Tensor) else type(shifts).__name__
        raise ValueError(f"shifts must have shape ({num_edges}, 3), one row per edge, got {came}")
    if shifts.device != cells.device:
        raise ValueError(
            f"shifts are on {shifts.device} but the box is on {cells.device}; move one of them"
        )
    if shifts.is_complex() or shifts.dtype == torch.bool:
        raise ValueError(f"shifts must be floating point or integers, got {shifts.dtype}")
    if not shifts.is_floating_point():
        return lattice_vectors(shifts, cells, graph_of_edge)
    vectors = shifts.double()
    if validate:
        own = cells.detach().index_select(0, graph_of_edge)
        numbers = torch.linalg.solve(own.mT, vectors.detach()) if num_edges else vectors
        # Shifts come in float32 too: 1e-3 of a box is far above its rounding, for any sane number.
        whole = (numbers - numbers.round()).abs().amax(-1) < 1e-3
        if not bool(whole.all()):
            row = int((~whole).nonzero()[0])
            raise ValueError(
                f"shifts must be sums of lattice vectors (rows of box), but row {row} is "
                f"{numbers[row].tolist()} of them; x_i - x_j + shift leads to i from a copy of j. "
                "Integers are taken as numbers of lattice vectors"
            )
    return vectors


def lattice_vectors(numbers: Tensor, cells: Tensor, graph_of_edge: Tensor) -> Tensor:
    """Sums of lattice vectors: whole numbers (E, 3) of the cells (B, 3, 3) -> (E, 3)."""
    numbers = numbers.to(cells.dtype)
    if cells.shape[0] == 1:
        return numbers @ cells[0]
    return (numbers.unsqueeze(-1) * cells.index_select(0, graph_of_edge)).sum(1)


def with_box(graph: Graph, shifts: Tensor | None, box: Tensor | None, validate: bool) -> Graph:
    """The graph with the box and the shifts of its edges, or as it is without them.

    Raises:
        ValueError: one without the other, or either does not fit.
    """
    if shifts is None and box is None:
        return graph
    if shifts is None or box is None:
        lacking, given = ("shifts", "box") if shifts is None else ("box", "shifts")
        raise ValueError(
            f"{given} needs {lacking}: give both, or let Graph.radius(x, cutoff, box=...) find them"
        )
    cells = parse_box(box, graph.num_graphs, graph.device)
    owner = graph.batch.index_select(0, graph.receivers)
    vectors = parse_shifts(shifts, cells, owner, graph.num_edges, validate)
    return dataclasses.replace(graph, shifts=vectors, box=cells)

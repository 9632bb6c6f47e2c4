"""Concrete arguments from a description: positions, features, edges and the batch vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from eqnorm.graph import Graph
from eqnorm.testing import layouts
from eqnorm.testing.cases import Case
from eqnorm.testing.declare import Slot
from eqnorm.testing.structure import Structure
from eqnorm.types import GeometricType

Arguments = dict[str, Any]


def build(case: Case, slots: tuple[Slot, ...], dtype: torch.dtype, device: str) -> Arguments:
    """Draw the arguments that ``case`` describes, in ``dtype``.

    Args:
        case: what to draw.
        slots: the declared arguments; fixed ones are left out.
        dtype: of the floating-point tensors. Values are drawn in float64 and rounded.
        device: where the tensors live.
    """
    grouped = any(slot.role in ("batch", "graph") for slot in slots)
    sizes = case.sizes if grouped else case.sizes[:1]
    rng = np.random.default_rng([case.seed, 17])
    edges = draw_edges(case, sizes, rng)
    num_edges = edges.shape[1]
    rows = {"node": sum(sizes), "graph": len(sizes), "edge": num_edges}
    first: np.ndarray[Any, Any] | None = None
    arguments: Arguments = {}
    for slot in slots:
        if slot.role == "edge_index":
            arguments[slot.name] = torch.as_tensor(edges, device=device)
        elif slot.role == "batch":
            owner = np.repeat(np.arange(len(sizes)), sizes)
            arguments[slot.name] = torch.as_tensor(owner, device=device)
        elif slot.role == "graph":
            arguments[slot.name] = draw_graph(case, sizes, edges, device)
        elif slot.kind is not None and slot.level is not None:
            if slot.kind.is_points:
                value = draw_points(case, sizes, rng, first, slot.level)
                first = value if first is None else first
            else:
                value = draw_features(case, slot.kind, rows[slot.level], rng)
            tensor = torch.as_tensor(value, dtype=torch.float64)
            arguments[slot.name] = tensor.to(dtype).to(device)
    return arguments


def draw_points(
    case: Case,
    sizes: tuple[int, ...],
    rng: np.random.Generator,
    first: layouts.Array | None,
    level: str,
) -> layouts.Array:
    """Positions of all graphs, shape (N, 3); later points inputs are near the first one."""
    if level != "node":
        raise ValueError("'points' are positions of nodes; write 'points' without a level")
    if first is not None:
        move = 0.0 if case.still else 0.3 * case.scale
        return first + move * rng.standard_normal(first.shape)
    blocks = []
    for size in sizes:
        x = layouts.BY_NAME[case.layout](size, rng) * case.scale
        if case.outlier:
            x[-1] += case.outlier * case.scale * _direction(rng)
        # On a lattice whole numbers keep every distance exactly equal, far out too.
        away = _direction(rng) * case.offset
        blocks.append(x + (np.round(away) if case.layout == "lattice" else away))
    return np.concatenate(blocks)


def draw_features(
    case: Case, kind: GeometricType, rows: int, rng: np.random.Generator
) -> layouts.Array:
    """Normal features, shape (rows, D), scalars and the others each at their own size."""
    value = rng.standard_normal((rows, kind.dim))
    assert kind.irreps is not None
    for (_, irrep), cut in zip(kind.irreps, kind.irreps.slices(), strict=True):
        tensors = 0.0 if case.still else case.vectors
        value[:, cut] *= case.scalars if irrep.l == 0 else tensors
    return value


def draw_edges(
    case: Case, sizes: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Senders and receivers, shape (2, E), by receiver and then by sender, both directions."""
    pieces, start = [np.zeros((2, 0), dtype=np.int64)], 0
    for size in sizes:
        receiver, sender = np.nonzero(~np.eye(size, dtype=bool))
        if case.edges == "sparse":
            keep = rng.random((size, size)) < min(1.0, 4.0 / max(size, 1))
            keep = keep | keep.T
            chosen = keep[receiver, sender]
            receiver, sender = receiver[chosen], sender[chosen]
        if case.edges != "none":
            pieces.append(np.stack([sender, receiver]) + start)
        start += size
    return np.concatenate(pieces, axis=1)


def draw_graph(case: Case, sizes: tuple[int, ...], edges: Any, device: str) -> Graph:
    """The Graph of these edges; a complete one takes the library's dense path."""
    if case.edges == "complete":
        return Graph.complete(num_nodes=list(sizes), device=device)
    owner = torch.as_tensor(np.repeat(np.arange(len(sizes)), sizes), device=device)
    index = torch.as_tensor(edges, device=device)
    return Graph.from_edges(index, owner, len(sizes))


def structure_of(arguments: Arguments, slots: tuple[Slot, ...]) -> Structure:
    """Which node is in which graph, and which edges there are, read off the arguments.

    Raises:
        ValueError: two arguments disagree on the number of nodes, edges or graphs.
    """
    owner: Tensor | None = None
    edges: Tensor | None = None
    num_graphs: int | None = None
    rows: dict[str, tuple[str, int]] = {}
    for slot in slots:
        value = arguments.get(slot.name)
        if slot.role == "graph" and isinstance(value, Graph):
            owner, edges, num_graphs = value.batch, value.edge_index, value.num_graphs
            if value.mask is not None:
                raise ValueError(f"{slot.name} is padded; check the model on unpadded graphs")
        elif slot.role == "batch" and isinstance(value, Tensor):
            owner = value
        elif slot.role == "edge_index" and isinstance(value, Tensor):
            edges = value
        elif slot.role == "tensor" and isinstance(value, Tensor):
            other, count = rows.setdefault(slot.level or "node", (slot.name, value.shape[0]))
            if count != value.shape[0]:
                raise ValueError(
                    f"{slot.name} has {value.shape[0]} rows but {other} has {count}; "
                    f"both are declared to have one per {slot.level}"
                )
    nodes = rows.get("node", ("", 0))[1] if owner is None else owner.shape[0]
    if "node" in rows and rows["node"][1] != nodes:
        raise ValueError(
            f"{rows['node'][0]} has {rows['node'][1]} rows but the batch has {nodes} nodes"
        )
    if owner is None:
        owner = torch.zeros(nodes, dtype=torch.int64)
    if num_graphs is None:
        num_graphs = int(owner.max()) + 1 if owner.numel() else 1
    if edges is None:
        edges = torch.zeros(2, rows.get("edge", ("", 0))[1], dtype=torch.int64)
    return Structure(owner.cpu(), edges.cpu(), num_graphs)


def _direction(rng: np.random.Generator) -> layouts.Array:
    vector: layouts.Array = rng.standard_normal(3)
    return vector / np.linalg.norm(vector)

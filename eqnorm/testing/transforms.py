"""Moving a whole set of arguments, and the outputs they should then give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.graph import Graph
from eqnorm.testing import structure as st
from eqnorm.testing.cases import Motion
from eqnorm.testing.declare import Slot
from eqnorm.testing.structure import Relabelling, Structure
from eqnorm.types import GeometricType, GroupElement

_QUARTER = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}


@dataclass(frozen=True, eq=False)
class Move:
    """One group element for each graph, and a relabelling.

    Attributes:
        element: batch of B elements.
        labels: where nodes, edges and graphs go.
        structure: of the arguments before.
    """

    element: GroupElement
    labels: Relabelling
    structure: Structure

    def tensor(self, value: Tensor, kind: GeometricType, level: str) -> Tensor:
        """Transform a tensor with one row per node, edge or graph, and relabel its rows."""
        own = self.element.select(self.structure.graph_of(level))
        return own.act(value, kind)[self.labels.of(level).to(value.device)]

    def direction(self, value: Tensor, kind: GeometricType, level: str) -> Tensor:
        """The same for a gradient: translations do not move it."""
        still = GroupElement(self.element.rotation, torch.zeros_like(self.element.translation))
        return Move(still, self.labels, self.structure).tensor(value, kind, level)

    def arguments(self, arguments: dict[str, Any], slots: tuple[Slot, ...]) -> dict[str, Any]:
        """Transform all arguments; fixed ones stay as they are."""
        moved = dict(arguments)
        place = st.inverse(self.labels.nodes)
        owner = st.inverse(self.labels.graphs)[self.structure.owner[self.labels.nodes]]
        edges = place[self.structure.edges][:, self.labels.edges]
        labels = self.labels
        for slot in slots:
            value = arguments.get(slot.name)
            if slot.role == "batch":
                moved[slot.name] = owner.to(value.device) if value is not None else None
            elif slot.role == "edge_index" and value is not None:
                moved[slot.name] = edges.to(value.device)
            elif slot.role == "graph" and isinstance(value, Graph):
                graph = st.same_kind(value, owner, edges, self.structure.num_graphs)
                moved[slot.name] = graph.to(value.device)
        for slot in slots:
            value = arguments.get(slot.name)
            if slot.role == "tensor" and slot.kind is not None and isinstance(value, Tensor):
                place_of = Move(self.element, labels, self.structure)
                moved[slot.name] = place_of.tensor(value, slot.kind, slot.level or "node")
        return moved


def make_move(
    motion: Motion, structure: Structure, slots: tuple[Slot, ...], graphs: bool, arguments: Any
) -> Move:
    """The move that ``motion`` describes.

    Args:
        motion: what to do.
        structure: of the arguments.
        slots: the declared arguments.
        graphs: each graph gets its own element and the graphs change places.
        arguments: to see whether a Graph keeps its canonical edge order.
    """
    count = structure.num_graphs
    elements = [element(motion, index if graphs else 0) for index in range(count)]
    batch = GroupElement(
        torch.stack([e.rotation for e in elements]), torch.stack([e.translation for e in elements])
    )
    labels = st.identity(structure)
    if motion.permute or graphs:
        labels = st.shuffle(structure, motion.seed, nodes=motion.permute, graphs=graphs)
        labels = _canonical(labels, structure, slots, arguments)
    return Move(batch, labels, structure)


def element(motion: Motion, index: int = 0) -> GroupElement:
    """The group element that ``motion`` describes; another of its kind for each ``index``."""
    dice = torch.Generator().manual_seed(1000 * motion.seed + index)
    rotation = _rotation(motion.rotation, dice, index)
    if motion.reflect:
        rotation = -rotation
    if motion.seed == 0 and index == 0:
        along = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    else:
        along = torch.randn(3, generator=dice, dtype=torch.float64)
    return GroupElement(rotation, motion.shift * along / along.norm())


def _rotation(name: str, dice: torch.Generator, index: int) -> Tensor:
    """A rotation matrix, shape (3, 3); special ones are exact."""
    eye = torch.eye(3, dtype=torch.float64)
    if name == "none":
        return eye
    if name == "cyclic":
        return eye.roll(1 + index % 2, 0)
    if name[0] in _QUARTER and name[1:] in ("90", "180"):
        a, b = _QUARTER[name[0]]
        quarter = eye.clone()
        quarter[a, a] = quarter[b, b] = 0.0
        quarter[a, b], quarter[b, a] = -1.0, 1.0
        turns = (1 if name[1:] == "90" else 2) + index
        turned: Tensor = torch.linalg.matrix_power(quarter, turns)
        return turned
    axis = torch.randn(3, generator=dice, dtype=torch.float64)
    angle = math.tau * float(torch.rand((), generator=dice, dtype=torch.float64))
    angle = {"small": 0.01, "half": math.pi}.get(name, 0.3 + 0.9 * angle)
    return axis_angle(axis / axis.norm(), angle)


def axis_angle(axis: Tensor, angle: float) -> Tensor:
    """Rodrigues' formula, then one Newton step so that R is orthogonal to round-off."""
    x, y, z = axis.tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    eye = torch.eye(3, dtype=torch.float64)
    rotation = eye + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return 1.5 * rotation - 0.5 * rotation @ rotation.T @ rotation


def _canonical(
    labels: Relabelling, structure: Structure, slots: tuple[Slot, ...], arguments: Any
) -> Relabelling:
    """Where a complete Graph fixes the order of the edges, put edge features in that order."""
    for slot in slots:
        graph = arguments.get(slot.name) if slot.role == "graph" else None
        if isinstance(graph, Graph) and st.is_canonical(graph):
            owner = st.inverse(labels.graphs)[structure.owner[labels.nodes]]
            new = st.same_kind(graph, owner, structure.edges, structure.num_graphs)
            edges = st.match_edges(structure, labels.nodes, new.edge_index)
            return Relabelling(labels.nodes, edges, labels.graphs)
    return labels

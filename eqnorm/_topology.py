"""What a graph holds, its sizes, its edges and its box; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from eqnorm._box import volumes

_Kind = TypeVar("_Kind", bound="Topology")  # Self is in typing from Python 3.11 on


@dataclass(frozen=True, eq=False, repr=False)
class Topology:
    """The fields of :class:`eqnorm.Graph`, which documents them."""

    batch: Tensor
    counts: Tensor
    uniform: bool
    neighbors: Tensor | None
    edges: tuple[Tensor, Tensor] | None
    degrees: Tensor
    mask: Tensor | None = None
    shifts: Tensor | None = None
    box: Tensor | None = None

    @property
    def num_graphs(self) -> int:
        """B."""
        return self.counts.shape[0]

    @property
    def num_nodes(self) -> int:
        """N, over all graphs, padded places included."""
        return self.batch.shape[0]

    @property
    def num_edges(self) -> int:
        """E, over all graphs."""
        if self.neighbors is not None:
            return self.num_graphs * self.neighbors.shape[0] * self.neighbors.shape[1]
        return 0 if self.edges is None else self.edges[0].shape[0]

    @property
    def device(self) -> torch.device:
        """Where the index tensors live."""
        return self.batch.device

    @property
    def periodic(self) -> bool:
        """Whether the systems lie in periodic boxes."""
        return self.box is not None

    @property
    def volume(self) -> Tensor | None:
        """Of the periodic box of every graph, shape (B,), float64; None for open systems."""
        return None if self.box is None else volumes(self.box)

    @property
    def senders(self) -> Tensor:
        """J of every edge, shape (E,)."""
        if self.neighbors is not None:
            size = self.neighbors.shape[0]
            offset = torch.arange(self.num_graphs, device=self.device) * size
            return (offset[:, None, None] + self.neighbors).flatten()
        if self.edges is None:
            return self.batch.new_empty(0)
        return self.edges[0]

    @property
    def receivers(self) -> Tensor:
        """I of every edge, shape (E,)."""
        if self.neighbors is not None:
            nodes = torch.arange(self.num_nodes, device=self.device)
            return nodes[:, None].expand(-1, self.neighbors.shape[1]).flatten()
        if self.edges is None:
            return self.batch.new_empty(0)
        return self.edges[1]

    @property
    def edge_index(self) -> Tensor:
        """Senders and receivers, shape (2, E), in PyTorch Geometric's layout."""
        return torch.stack([self.senders, self.receivers])

    def to(self: _Kind, device: torch.device | str, non_blocking: bool = False) -> _Kind:
        """The same graph with its tensors on ``device``; ``non_blocking`` as for tensors."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self: _Kind) -> _Kind:
        """The same graph in pinned memory; ``DataLoader(pin_memory=True)`` calls it."""
        return self._each(Tensor.pin_memory)

    def _each(self: _Kind, change: Callable[[Tensor], Tensor]) -> _Kind:
        moved: dict[str, Any] = {
            field.name: change(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        if self.edges is not None:
            moved["edges"] = (change(self.edges[0]), change(self.edges[1]))
        return dataclasses.replace(self, **moved)

    def __repr__(self) -> str:
        kind = "complete" if self.neighbors is not None else ""
        sizes = (
            f"{count} {word}{'' if count == 1 else 's'}"
            for count, word in (
                (self.num_graphs, "graph"),
                (self.num_nodes, "node"),
                (self.num_edges, "edge"),
            )
        )
        flags = (kind, "padded" if self.mask is not None else "", "periodic" * self.periodic)
        device = "" if self.device.type == "cpu" else str(self.device)
        parts = [*sizes, *flags, device]
        return f"{type(self).__name__}({', '.join(part for part in parts if part)})"

    def edge_graph(self: _Kind) -> _Kind:
        """A graph whose nodes are this one's edges: for norms that act on relative vectors."""
        if self.neighbors is not None:
            size, degree = self.neighbors.shape
            batch = torch.arange(self.num_graphs, device=self.device)
            batch = batch[:, None].expand(-1, size * degree).flatten()
            counts = self.counts * degree
            return type(self)(batch, counts, True, None, None, torch.zeros_like(batch))
        batch = self.batch[self.receivers]
        counts = torch.zeros_like(self.counts).index_add_(0, batch, torch.ones_like(batch))
        none = torch.zeros_like(batch)
        return type(self)(batch, counts, False, None, None, none, box=self.box)

    def relative(self, x: Tensor) -> Tensor:
        """x_i - x_j of every edge, i receiving and j sending: (N, 3) -> (E, 3).

        In a periodic box the vector to the copy of j that the edge means: the edge's shift is
        added, in the dtype of ``x``.
        """
        if self.neighbors is None:
            difference = x.index_select(0, self.receivers) - x.index_select(0, self.senders)
            return difference if self.shifts is None else difference + self.shifts.to(x.dtype)
        size, degree = self.neighbors.shape
        sent = x.reshape(self.num_graphs, size, 3).index_select(1, self.neighbors.flatten())
        return (x.unsqueeze(1) - sent.view(self.num_nodes, degree, 3)).flatten(0, 1)

    def transformed(self: _Kind, rotation: Tensor) -> _Kind:
        """The graph of the same systems after x -> R x (+ t): boxes and shifts turn along.

        Args:
            rotation: R, orthogonal, shape (3, 3).

        Returns:
            This very graph where it is not periodic: nothing else of it turns.
        """
        if self.box is None or self.shifts is None:
            return self
        turn = rotation.to(self.box).mT
        return dataclasses.replace(self, shifts=self.shifts @ turn, box=self.box @ turn)

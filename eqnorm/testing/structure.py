"""The combinatorial side of an input: graphs, nodes, edges, and how they are relabelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.graph import Graph
from eqnorm.testing.declare import Slot


@dataclass(frozen=True, eq=False)
class Structure:
    """Which node is in which graph, and which edges there are.

    Attributes:
        owner: graph of each node, shape (N,).
        edges: senders and receivers, shape (2, E); where the edges are unknown (edge features
            without an edge list) their number is right and the entries are zero.
        num_graphs: B.
    """

    owner: Tensor
    edges: Tensor
    num_graphs: int

    @property
    def num_nodes(self) -> int:
        """N."""
        return self.owner.shape[0]

    @property
    def num_edges(self) -> int:
        """E."""
        return self.edges.shape[1]

    def rows(self, level: str) -> int:
        """Number of rows of a tensor at a level."""
        return {"node": self.num_nodes, "edge": self.num_edges, "graph": self.num_graphs}[level]

    def graph_of(self, level: str) -> Tensor:
        """Graph of each row of a tensor at a level."""
        if level == "node":
            return self.owner
        if level == "graph":
            return torch.arange(self.num_graphs)
        return self.owner[self.edges[1]] if self.num_nodes else self.edges[1]


@dataclass(frozen=True, eq=False)
class Relabelling:
    """New places: entry p of each tensor is the old index that comes to stand at place p."""

    nodes: Tensor
    edges: Tensor
    graphs: Tensor

    def of(self, level: str) -> Tensor:
        """The permutation of the rows of a tensor at a level."""
        return {"node": self.nodes, "edge": self.edges, "graph": self.graphs}[level]

    @property
    def trivial(self) -> bool:
        """Whether everything stays in its place."""
        return all(bool((p == torch.arange(p.shape[0])).all()) for p in vars(self).values())


def identity(structure: Structure) -> Relabelling:
    """Everything stays in its place."""
    return Relabelling(
        torch.arange(structure.num_nodes),
        torch.arange(structure.num_edges),
        torch.arange(structure.num_graphs),
    )


def shuffle(structure: Structure, seed: int, nodes: bool, graphs: bool) -> Relabelling:
    """Permute nodes within their graphs and edges, or whole graphs, or both.

    Graphs stay contiguous and in increasing order in the batch vector, as PyTorch Geometric
    and its users expect.
    """
    dice = torch.Generator().manual_seed(seed)
    order = torch.arange(structure.num_graphs)
    if graphs and structure.num_graphs > 1:
        order = torch.randperm(structure.num_graphs, generator=dice)
        if bool((order == torch.arange(structure.num_graphs)).all()):
            order = order.roll(1)
    pieces = []
    for graph in order.tolist():
        own = torch.nonzero(structure.owner == graph)[:, 0]
        if nodes and own.numel() > 1:
            mix = torch.randperm(own.numel(), generator=dice)
            if bool((mix == torch.arange(own.numel())).all()):
                mix = mix.roll(1)
            own = own[mix]
        pieces.append(own)
    placed = torch.cat(pieces) if pieces else torch.arange(0)
    edges = torch.arange(structure.num_edges)
    if nodes:
        edges = torch.randperm(structure.num_edges, generator=dice)
    return Relabelling(placed, edges, order)


def inverse(permutation: Tensor) -> Tensor:
    """The permutation that undoes this one."""
    back = torch.empty_like(permutation)
    back[permutation] = torch.arange(permutation.shape[0])
    return back


def match_edges(structure: Structure, nodes: Tensor, new_edges: Tensor) -> Tensor:
    """For edges listed after relabelling, the old edge each of them is.

    Args:
        structure: before.
        nodes: old node at each new place.
        new_edges: senders and receivers by new place, shape (2, E).
    """
    n = structure.num_nodes
    old_key = structure.edges[0] * n + structure.edges[1]
    new_key = nodes[new_edges[0]] * n + nodes[new_edges[1]]
    by_key = torch.argsort(old_key)
    return by_key[torch.searchsorted(old_key[by_key], new_key)]


def relabelled(structure: Structure, labels: Relabelling) -> Structure:
    """The structure after a relabelling."""
    owner = inverse(labels.graphs)[structure.owner[labels.nodes]]
    edges = inverse(labels.nodes)[structure.edges] if structure.num_nodes else structure.edges
    return Structure(owner, edges[:, labels.edges], structure.num_graphs)


def only_graph(structure: Structure, graph: int) -> Structure:
    """One graph of a batch, its nodes renumbered."""
    nodes = structure.owner == graph
    place = nodes.cumsum(0) - 1
    edges = structure.edges[:, structure.graph_of("edge") == graph]
    edges = place[edges] if structure.num_nodes else edges
    return Structure(torch.zeros(int(nodes.sum()), dtype=torch.int64), edges, 1)


def take_graph(
    arguments: dict[str, Any], slots: tuple[Slot, ...], structure: Structure, graph: int
) -> dict[str, Any]:
    """The arguments of one graph of a batch."""
    part = only_graph(structure, graph)
    taken = dict(arguments)
    for slot in slots:
        value = arguments.get(slot.name)
        if slot.role == "batch" and isinstance(value, Tensor):
            taken[slot.name] = part.owner.to(value.device)
        elif slot.role == "edge_index" and isinstance(value, Tensor):
            taken[slot.name] = part.edges.to(value.device)
        elif slot.role == "graph" and isinstance(value, Graph):
            taken[slot.name] = same_kind(value, part.owner, part.edges, 1).to(value.device)
        elif slot.role == "tensor" and isinstance(value, Tensor):
            rows = structure.graph_of(slot.level or "node") == graph
            taken[slot.name] = value[rows.to(value.device)]
    return taken


def same_kind(old: Graph, owner: Tensor, edges: Tensor, count: int) -> Graph:
    """A Graph with other edges, built the way the old one was."""
    if is_canonical(old):
        return Graph.complete(num_nodes=torch.bincount(owner, minlength=count).tolist())
    if old.edges is None and old.neighbors is None:
        return Graph.from_batch(owner, count)
    return Graph.from_edges(edges, owner, count)


def is_canonical(graph: Graph) -> bool:
    """Whether the edges are those of ``Graph.complete``, in its order."""
    if graph.neighbors is not None:
        return True
    if graph.edges is None or bool((graph.batch.diff() < 0).any()):
        return False
    if graph.num_edges != int((graph.counts * (graph.counts - 1)).sum()):
        return False
    full = Graph.complete(num_nodes=graph.counts.tolist())
    return bool((full.edge_index == graph.edge_index.cpu()).all())

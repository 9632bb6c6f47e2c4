"""Which node is in which graph and which edges there are, with reductions over both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from eqnorm import _as_graph, _box, _edges, _neighbors
from eqnorm._reductions import Reductions

Flow = Literal["source_to_target", "target_to_source"]


class Graph(Reductions):
    """A batch of B graphs over N nodes in all.

    Build one with :meth:`complete`, :meth:`from_edges`, :meth:`from_batch`,
    :meth:`from_ptr`, :meth:`from_mask` or :meth:`radius`; the constructor checks nothing.
    Once built, no method loops over graphs in Python and none waits for the device.

    In every edge i receives and j sends: relative vectors are x_i - x_j and sums over edges
    run over the edges that i receives.

    In a periodic box an edge means one copy of j, and a pair may have several: :meth:`relative`
    gives the vector from that copy, x_i - x_j + shift, wherever x lies, in the box or outside
    of it. A node may be joined to copies of itself.

    Attributes:
        batch: graph of each node, shape (N,), int64.
        counts: number of nodes of each graph, shape (B,), int64.
        uniform: every graph has the same number of nodes, laid out one after the other,
            so that reductions are plain reshapes.
        neighbors: for uniform complete graphs, the senders of each node within its graph,
            shape (n, n-1): ``neighbors[i]`` are all j != i in increasing order. Else None.
        edges: (senders, receivers), each (E,) int64; None for uniform complete graphs, whose
            edges follow from ``neighbors``, and for graphs without edges.
        degrees: number of edges each node receives, shape (N,), int64.
        mask: for padded batches, True at real nodes, shape (N,); statistics leave the
            others out. Else None.
        shifts: in periodic boxes, the sum of lattice vectors that every edge adds to x_i - x_j,
            shape (E, 3), float64. Else None.
        box: the cell of every graph, its rows the lattice vectors, shape (B, 3, 3), float64; None
            for open systems.
    """

    @classmethod
    def complete(
        cls,
        num_graphs: int | None = None,
        num_nodes: int | Sequence[int] = 1,
        device: torch.device | str | None = None,
    ) -> Graph:
        """Fully connected graphs without self-loops.

        Edges are ordered graph by graph, by receiver i, then by sender j != i: the order of
        the official EGNN code, and of ``edge_attr``.

        Args:
            num_graphs: B; may be None where ``num_nodes`` is a list.
            num_nodes: nodes of every graph, or a list of B sizes.
            device: where the index tensors live.

        Raises:
            ValueError: a size below one, or not as many sizes as graphs.

        Example:
            >>> Graph.complete(1, 3).edge_index
            tensor([[1, 2, 0, 2, 0, 1],
                    [0, 0, 1, 1, 2, 2]])
        """
        return _edges.complete(cls, num_graphs, num_nodes, device)

    @classmethod
    def from_edges(
        cls,
        edge_index: Tensor,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
        *,
        num_nodes: int | None = None,
        flow: Flow = "source_to_target",
        shifts: Tensor | None = None,
        box: Tensor | None = None,
        validate: bool = True,
    ) -> Graph:
        """A graph from an edge list in PyTorch Geometric's layout.

        Args:
            edge_index: shape (2, E), int64. Row 0 holds the senders j, row 1 the receivers i;
                the other way round with ``flow="target_to_source"``.
            batch: graph of each node, shape (N,); None for a single graph.
            num_graphs: B; found from ``batch`` when None, which waits for the device.
            num_nodes: N, needed without ``batch`` when the last nodes have no edges.
            flow: direction of the edges, as in PyTorch Geometric.
            shifts: in a periodic box, what each edge adds to x_i - x_j, shape (E, 3): vectors, or
                integers that count lattice vectors. Those of ASE and NequIP (``shifts``,
                ``unit_shifts``) add to x_receiver - x_sender too. Needs ``box``.
            box: as for :meth:`radius`; needs ``shifts``.
            validate: check the index ranges and shifts, which waits for the device once.

        Raises:
            ValueError: wrong shape, dtype or range; an edge between two graphs; no nodes;
                shifts that are no lattice vectors.
        """
        plain = _edges.from_edges(cls, edge_index, batch, num_graphs, num_nodes, flow, validate)
        return _box.with_box(plain, shifts, box, validate)

    @classmethod
    def from_batch(
        cls, batch: Tensor, num_graphs: int | None = None, *, validate: bool = True
    ) -> Graph:
        """A graph without edges, from a PyTorch Geometric ``batch`` vector of shape (N,).

        Raises:
            ValueError: wrong shape, dtype or range; no nodes.
        """
        return _edges.from_batch(cls, batch, num_graphs, validate)

    @classmethod
    def from_ptr(cls, ptr: Tensor) -> Graph:
        """A graph without edges, from offsets: graph b has nodes ptr[b] to ptr[b+1] - 1.

        Raises:
            ValueError: wrong shape or dtype, not starting at 0, or decreasing.
        """
        return _edges.from_ptr(cls, ptr)

    @classmethod
    def from_mask(cls, mask: Tensor) -> Graph:
        """Complete graphs in a padded layout, flattened to B * n nodes.

        Args:
            mask: shape (B, n), True at real nodes. Node tensors are (B * n, ...); what stands
                at padded places enters no statistic and no edge.

        Raises:
            ValueError: wrong shape or dtype, or a graph without any real node.
        """
        return _edges.from_mask(cls, mask)

    @classmethod
    def radius(
        cls,
        x: Tensor,
        cutoff: float,
        batch: Tensor | None = None,
        *,
        box: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> Graph:
        """Edges between all pairs nearer than a cutoff, found by vesin.

        With a box, between all periodic copies: also several of one pair, and of a node and
        itself, where the box is not longer than twice the cutoff.

        Args:
            x: positions, shape (N, 3); in a box or, as unwrapped trajectories are, outside of it.
            cutoff: in the unit of ``x``, positive.
            batch: graph of each node, shape (N,); None for a single graph.
            box: None for open systems; or the cell, its rows the lattice vectors, (3, 3) for all
                graphs or (B, 3, 3); or the lengths of right-angled boxes, (3,) or (B, 3).
            num_graphs: B.

        The edges are constants, as for any neighbour list: gradients reach ``x`` through
        :meth:`relative`, and ``box``, for stresses, through the shifts.

        Raises:
            ValueError: wrong shape, NaN, a box without volume, or a cutoff that is not positive.
            ImportError: vesin is not installed.

        Example:
            >>> x = torch.tensor([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
            >>> graph = Graph.radius(x, 2.0, box=torch.tensor([10.0, 10.0, 10.0]))
            >>> graph.relative(x)
            tensor([[ 1.,  0.,  0.],
                    [-1.,  0.,  0.]])
        """
        return _neighbors.radius(cls, x, cutoff, batch, box, num_graphs)


GraphLike = Graph | Tensor | None


def as_graph(graph: GraphLike, num_nodes: int, device: torch.device) -> Graph:
    """What a norm takes as ``graph``, as a :class:`Graph` over ``num_nodes`` nodes.

    Args:
        graph: a Graph; a PyTorch Geometric ``batch`` vector of shape (N,), which waits for the
            device to learn the number of graphs; or None for a single graph.
        num_nodes: N of the tensor it must fit.
        device: device of that tensor.

    Raises:
        TypeError: ``graph`` is of another kind.
        ValueError: it is over another number of nodes or lives on another device.
    """
    return _as_graph.as_graph(Graph, graph, num_nodes, device)

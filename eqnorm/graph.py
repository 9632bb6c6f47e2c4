"""Which node is in which graph and which edges there are, with reductions over both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from eqnorm import _edges

Flow = Literal["source_to_target", "target_to_source"]


@dataclass(frozen=True, eq=False)
class Graph:
    """A batch of B graphs over N nodes in all.

    Build one with :meth:`complete`, :meth:`from_edges`, :meth:`from_batch`,
    :meth:`from_ptr`, :meth:`from_mask` or :meth:`radius`; the constructor checks nothing.
    Once built, no method loops over graphs in Python and none waits for the device.

    In every edge i receives and j sends: relative vectors are x_i - x_j and sums over edges
    run over the edges that i receives.

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
    """

    batch: Tensor
    counts: Tensor
    uniform: bool
    neighbors: Tensor | None
    edges: tuple[Tensor, Tensor] | None
    degrees: Tensor
    mask: Tensor | None = None

    # --- construction ---------------------------------------------------------------------

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
            validate: check the index ranges, which waits for the device once.

        Raises:
            ValueError: wrong shape, dtype or range; an edge between two graphs; no nodes.
        """
        return _edges.from_edges(cls, edge_index, batch, num_graphs, num_nodes, flow, validate)

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

        Args:
            x: positions, shape (N, 3).
            cutoff: in the unit of ``x``, positive.
            batch: graph of each node, shape (N,); None for a single graph.
            box: not yet supported here; must be None.
            num_graphs: B.

        Raises:
            ValueError: wrong shape, or a cutoff that is not positive.
            ImportError: vesin is not installed.
        """
        if box is not None:
            raise ValueError("box is not supported yet: pass box=None and an open system")
        return _edges.radius(cls, x, cutoff, batch, num_graphs)

    def to(self, device: torch.device | str) -> Graph:
        """The same graph with its index tensors on ``device``."""
        edges = None
        if self.edges is not None:
            edges = (self.edges[0].to(device), self.edges[1].to(device))
        return Graph(
            batch=self.batch.to(device),
            counts=self.counts.to(device),
            uniform=self.uniform,
            neighbors=None if self.neighbors is None else self.neighbors.to(device),
            edges=edges,
            degrees=self.degrees.to(device),
            mask=None if self.mask is None else self.mask.to(device),
        )

    # --- sizes and edges ------------------------------------------------------------------

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

    def edge_graph(self) -> Graph:
        """A graph whose nodes are this one's edges: for norms that act on relative vectors."""
        if self.neighbors is not None:
            size, degree = self.neighbors.shape
            batch = torch.arange(self.num_graphs, device=self.device)
            batch = batch[:, None].expand(-1, size * degree).flatten()
            counts = self.counts * degree
            return Graph(batch, counts, True, None, None, torch.zeros_like(batch))
        batch = self.batch[self.receivers]
        counts = torch.zeros_like(self.counts).index_add_(0, batch, torch.ones_like(batch))
        return Graph(batch, counts, False, None, None, torch.zeros_like(batch))

    def relative(self, x: Tensor) -> Tensor:
        """x_i - x_j of every edge, i receiving and j sending: (N, 3) -> (E, 3)."""
        if self.neighbors is None:
            return x.index_select(0, self.receivers) - x.index_select(0, self.senders)
        size, degree = self.neighbors.shape
        sent = x.reshape(self.num_graphs, size, 3).index_select(1, self.neighbors.flatten())
        return (x.unsqueeze(1) - sent.view(self.num_nodes, degree, 3)).flatten(0, 1)

    # --- reductions over the nodes of each graph --------------------------------------------

    def sum(self, x: Tensor) -> Tensor:
        """Sum over the nodes of each graph: (N, ...) -> (B, ...)."""
        if self.mask is not None:
            x = torch.where(self.mask.view(-1, *[1] * (x.dim() - 1)), x, 0)
        if self.uniform:
            return x.reshape(self.num_graphs, self.num_nodes // self.num_graphs, *x.shape[1:]).sum(
                1
            )
        return x.new_zeros(self.num_graphs, *x.shape[1:]).index_add(0, self.batch, x)

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the nodes of each graph: (N, ...) -> (B, ...); 0 where there is none."""
        counts = self.counts.clamp(min=1).to(x.dtype).view(-1, *[1] * (x.dim() - 1))
        return self.sum(x) / counts

    def mean_square(self, x: Tensor) -> Tensor:
        r"""Mean over the nodes of each graph of \\|x_i\\|^2: (N, D) -> (B, 1)."""
        return self.mean(x.square().sum(-1, keepdim=True))

    def rms(self, x: Tensor) -> Tensor:
        """Root mean square length of the nodes of each graph: (N, D) -> (B, 1).

        The gradient is infinite where all x are zero; norms work with
        :meth:`mean_square` instead.
        """
        return self.mean_square(x).sqrt()

    def spread(self, per_graph: Tensor) -> Tensor:
        """Give every node its graph's value: (B, ...) -> (N, ...)."""
        if self.uniform:
            size = self.num_nodes // self.num_graphs
            return per_graph.unsqueeze(1).expand(-1, size, *per_graph.shape[1:]).flatten(0, 1)
        return per_graph[self.batch]

    # --- sums over the edges each node receives ---------------------------------------------

    def aggregate(self, messages: Tensor, how: Literal["sum", "mean", "sqrt"] = "sum") -> Tensor:
        """Collect messages at their receivers: (E, ...) -> (N, ...).

        Args:
            messages: one row per edge, in this graph's edge order.
            how: ``"sum"``; ``"mean"``, over the edges received; or ``"sqrt"``, the sum over
                the root of their number, which keeps the variance of independent messages.
                A node without edges gets zeros.
        """
        if self.neighbors is not None:
            size, degree = self.neighbors.shape
            total = messages.reshape(self.num_graphs * size, degree, *messages.shape[1:]).sum(1)
        else:
            total = messages.new_zeros(self.num_nodes, *messages.shape[1:])
            total = total.index_add(0, self.receivers, messages)
        if how == "sum":
            return total
        degrees = self.degrees.clamp(min=1).to(total.dtype).view(-1, *[1] * (total.dim() - 1))
        if how == "mean":
            return total / degrees
        if how == "sqrt":
            return total * degrees.rsqrt()
        raise ValueError(f"how must be 'sum', 'mean' or 'sqrt', got {how!r}")


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
    if graph is None:
        return _edges.single(Graph, num_nodes, device)
    if isinstance(graph, Tensor):
        if graph.dim() == 1 and graph.shape[0] != num_nodes:
            raise ValueError(
                f"batch has {graph.shape[0]} entries but the input has {num_nodes} nodes; "
                "give one graph index per node"
            )
        graph = Graph.from_batch(graph)
    if not isinstance(graph, Graph):
        raise TypeError(
            "graph must be an eqnorm.Graph, a batch vector (LongTensor of shape (N,)) or None, "
            f"got {type(graph).__name__}"
        )
    if graph.num_nodes != num_nodes:
        raise ValueError(
            f"graph is over {graph.num_nodes} nodes but the input has {num_nodes}; "
            "build the graph for the same batch of systems"
        )
    if graph.device != device:
        raise ValueError(
            f"graph is on {graph.device} but the input is on {device}; "
            f"use graph.to({str(device)!r})"
        )
    return graph

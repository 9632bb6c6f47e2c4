"""Sums, means and root mean squares over nodes and edges; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from eqnorm._topology import Topology


class Reductions(Topology):
    """Reductions over a graph; see :class:`eqnorm.Graph`."""

    # --- over the nodes of each graph -------------------------------------------------------

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
        if self.uniform and self.mask is None:
            size = self.num_nodes // self.num_graphs
            return x.reshape(self.num_graphs, size, *x.shape[1:]).mean(1)
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

    # --- over the edges each node receives --------------------------------------------------

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

"""Softmax over the neighbours of each node."""

from __future__ import annotations

import torch
from torch import Tensor

from eqnorm import Graph


def neighbor_softmax(logits: Tensor, graph: Graph, log_weight: Tensor | None = None) -> Tensor:
    r"""Attention weights of the edges that each node receives, shape (E, heads).

        α_ij = w_ij exp(e_ij) / sum_k w_ik exp(e_ik)

    The largest exponent of a node is subtracted first, so nothing overflows and the sum is at
    least 1. A node all of whose w are zero gets α = 0. Complete graphs need no scatter.

    Args:
        logits: e, shape (E, heads).
        graph: whose edges these are.
        log_weight: log w, shape (E, 1); -inf is w = 0, as if there were no edge. None for w = 1.

    Example:
        >>> neighbor_softmax(torch.zeros(6, 1), Graph.complete(1, 3)).flatten().tolist()
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    if graph.num_edges == 0:
        return logits
    if log_weight is not None:
        logits = logits + log_weight
    dense = graph.neighbors is not None
    if graph.neighbors is not None:
        logits = logits.view(graph.num_nodes, graph.neighbors.shape[1], logits.shape[1])
        peak = logits.detach().amax(1, keepdim=True)
    else:
        receivers = graph.receivers
        lowest = logits.new_full((graph.num_nodes, logits.shape[1]), -torch.inf)
        index = receivers.unsqueeze(-1).expand_as(logits)
        peak = lowest.scatter_reduce(0, index, logits.detach(), "amax").index_select(0, receivers)
    # A node without neighbours in reach has only -inf, and -inf minus itself is NaN.
    shifted = torch.exp(logits - torch.where(peak > -torch.inf, peak, 0.0))
    if dense:
        total = shifted.sum(1, keepdim=True)
    else:
        total = graph.aggregate(shifted).index_select(0, graph.receivers)
    return (shifted / torch.where(total > 0, total, 1.0)).flatten(0, -2)


def log_window(square: Tensor, cutoff: float | None) -> Tensor | None:
    r"""Log of the weight w = (1 - r^2/c^2)^3 with which a neighbour takes part; -inf from c on.

    Two derivatives of w vanish at the cutoff. A polynomial of the square: nothing cancels near c,
    so that its logarithm is exact, and coincident nodes have derivatives.

    Args:
        square: r^2, shape (E, 1).
        cutoff: c, or None for no window.
    """
    if cutoff is None:
        return None
    rest = 1 - square / cutoff**2
    inside = rest > 0
    return torch.where(inside, 3 * torch.log(torch.where(inside, rest, 1.0)), -torch.inf)

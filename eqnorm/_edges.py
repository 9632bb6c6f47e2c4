"""How graphs are built, and the checks made while building; used by :mod:`eqnorm.graph`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eqnorm._index_checks import check_integer, described, only_graph

if TYPE_CHECKING:
    from eqnorm.graph import Graph


def single(kind: type[Graph], num_nodes: int, device: torch.device) -> Graph:
    """One graph without edges over all nodes."""
    if num_nodes < 1:
        raise ValueError("the input has no nodes; a graph needs at least one")
    batch = torch.zeros(num_nodes, dtype=torch.int64, device=device)
    counts = torch.full((1,), num_nodes, dtype=torch.int64, device=device)
    return kind(batch, counts, True, None, None, batch)


def complete(
    kind: type[Graph],
    num_graphs: int | None,
    num_nodes: int | Sequence[int],
    device: torch.device | str | None,
) -> Graph:
    """See :meth:`eqnorm.Graph.complete`."""
    if isinstance(num_nodes, Sequence):
        sizes = [int(size) for size in num_nodes]
        if num_graphs is not None and num_graphs != len(sizes):
            raise ValueError(
                f"num_graphs is {num_graphs} but num_nodes lists {len(sizes)} sizes; "
                "give one size per graph"
            )
    else:
        if num_graphs is None:
            raise ValueError("num_graphs is needed when num_nodes is a single number")
        sizes = [int(num_nodes)] * num_graphs
    if not sizes or min(sizes) < 1:
        raise ValueError(
            f"every graph needs at least one node and there must be at least one graph, "
            f"got num_graphs={len(sizes)}, num_nodes={num_nodes}"
        )
    counts = torch.tensor(sizes, dtype=torch.int64, device=device)
    if len(set(sizes)) == 1:
        size = sizes[0]
        each = torch.arange(len(sizes), device=device)[:, None].expand(-1, size)
        batch = each.flatten().contiguous()  # of a single graph it would be a view of one number
        neighbors = _all_others(size, device)
        degrees = torch.full_like(batch, size - 1)
        return kind(batch, counts, True, neighbors, None, degrees)
    batch = torch.repeat_interleave(
        torch.arange(len(sizes), device=device), counts, output_size=sum(sizes)
    )
    start = 0
    senders, receivers = [], []
    for size in sizes:
        others = _all_others(size, device)
        senders.append((others + start).flatten())
        own = torch.arange(start, start + size, device=device)
        receivers.append(own[:, None].expand(-1, size - 1).flatten())
        start += size
    return kind(
        batch, counts, False, None, (torch.cat(senders), torch.cat(receivers)), counts[batch] - 1
    )


def from_edges(
    kind: type[Graph],
    edge_index: Tensor,
    batch: Tensor | None,
    num_graphs: int | None,
    num_nodes: int | None,
    flow: str,
    validate: bool,
) -> Graph:
    """See :meth:`eqnorm.Graph.from_edges`."""
    if flow not in ("source_to_target", "target_to_source"):
        raise ValueError(f"flow must be 'source_to_target' or 'target_to_source', got {flow!r}")
    if not isinstance(edge_index, Tensor) or edge_index.dim() != 2 or edge_index.shape[0] != 2:
        raise ValueError(
            f"edge_index must have shape (2, E), got {described(edge_index)}; "
            "transpose it if it is (E, 2)"
        )
    check_integer(edge_index, "edge_index")
    senders, receivers = edge_index.unbind(0)
    if flow == "target_to_source":
        senders, receivers = receivers, senders
    if batch is None:
        if num_nodes is None:
            num_nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
        only_graph(num_graphs)
        base = single(kind, num_nodes, edge_index.device)
    else:
        base = from_batch(kind, batch, num_graphs, validate)
        if num_nodes is not None and num_nodes != base.num_nodes:
            raise ValueError(
                f"batch has {base.num_nodes} entries but num_nodes is {num_nodes}; "
                "give one graph index per node"
            )
        if base.device != edge_index.device:
            raise ValueError(
                f"batch is on {base.device} but edge_index is on {edge_index.device}; "
                "move both to one device"
            )
    if validate and edge_index.numel():
        lowest, highest = (int(value) for value in edge_index.aminmax())
        if lowest < 0 or highest >= base.num_nodes:
            raise ValueError(
                f"edge_index must lie in 0..{base.num_nodes - 1} ({base.num_nodes} nodes), "
                f"got values from {lowest} to {highest}; check num_nodes or batch"
            )
        if bool((base.batch[senders] != base.batch[receivers]).any()):
            raise ValueError(
                "edge_index joins nodes of different graphs; every edge must stay within "
                "one graph of batch"
            )
    degrees = torch.zeros_like(base.batch).index_add_(0, receivers, torch.ones_like(receivers))
    return kind(base.batch, base.counts, base.uniform, None, (senders, receivers), degrees)


def from_batch(kind: type[Graph], batch: Tensor, num_graphs: int | None, validate: bool) -> Graph:
    """See :meth:`eqnorm.Graph.from_batch`."""
    if not isinstance(batch, Tensor) or batch.dim() != 1:
        raise ValueError(f"batch must have shape (N,), got {described(batch)}")
    check_integer(batch, "batch")
    if batch.numel() == 0:
        raise ValueError("batch is empty; a graph needs at least one node")
    if num_graphs is None:
        num_graphs = int(batch.max()) + 1
    if validate:
        lowest, highest = (int(value) for value in batch.aminmax())
        if lowest < 0 or highest >= num_graphs:
            raise ValueError(
                f"batch must lie in 0..{num_graphs - 1} ({num_graphs} graphs), "
                f"got values from {lowest} to {highest}"
            )
    counts = torch.zeros(num_graphs, dtype=torch.int64, device=batch.device)
    counts = counts.index_add_(0, batch, torch.ones_like(batch))
    uniform = validate and bool((counts == counts[0]).all() & (batch.diff() >= 0).all())
    return kind(batch, counts, uniform, None, None, torch.zeros_like(batch))


def from_ptr(kind: type[Graph], ptr: Tensor) -> Graph:
    """See :meth:`eqnorm.Graph.from_ptr`."""
    if ptr.dim() != 1 or ptr.shape[0] < 2:
        raise ValueError(f"ptr must have shape (B + 1,) with B >= 1, got {tuple(ptr.shape)}")
    check_integer(ptr, "ptr")
    counts = ptr.diff()
    if int(ptr[0]) != 0 or int(counts.min()) < 0 or int(ptr[-1]) == 0:
        raise ValueError(
            "ptr must start at 0, never decrease and end at the number of nodes (at least "
            f"one), got {ptr.tolist() if ptr.shape[0] <= 10 else 'a longer tensor'}"
        )
    graphs = torch.arange(counts.shape[0], device=ptr.device)
    batch = torch.repeat_interleave(graphs, counts, output_size=int(ptr[-1]))
    uniform = bool((counts == counts[0]).all())
    return kind(batch, counts, uniform, None, None, torch.zeros_like(batch))


def from_mask(kind: type[Graph], mask: Tensor) -> Graph:
    """See :meth:`eqnorm.Graph.from_mask`."""
    if mask.dim() != 2 or mask.dtype != torch.bool:
        raise ValueError(
            f"mask must be a bool tensor of shape (B, n), got {mask.dtype} of shape "
            f"{tuple(mask.shape)}"
        )
    counts = mask.sum(1)
    if mask.numel() == 0 or int(counts.min()) < 1:
        raise ValueError("mask has a graph without real nodes; every graph needs at least one")
    base = complete(kind, mask.shape[0], mask.shape[1], mask.device)
    flat = mask.flatten()
    keep = flat[base.senders] & flat[base.receivers]
    senders, receivers = base.senders[keep], base.receivers[keep]
    degrees = torch.zeros_like(base.batch).index_add_(0, receivers, torch.ones_like(receivers))
    return kind(base.batch, counts, True, None, (senders, receivers), degrees, flat)


def _all_others(size: int, device: torch.device | str | None) -> Tensor:
    """For each of n nodes the n - 1 others, in increasing order: shape (n, n-1)."""
    own = torch.arange(size, device=device)[:, None]
    others = torch.arange(size - 1, device=device)[None, :]
    return others + (others >= own)

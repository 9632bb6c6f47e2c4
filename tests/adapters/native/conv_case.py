"""Convolutions and inputs for the tests of their compiled path, and what torch makes of them."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from itertools import pairwise

import torch
from e3nn import o3
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._conv import calls as conv_native
from eqnorm_adapters._conv.convolution import Convolution
from eqnorm_adapters._pairs import Pairs

# irreps, degree of the filters, hidden radial features
LAYERS = {
    "as many of each": ("16x0e+16x1o+16x2e", 2, 16),
    "both parities": ("2x1o+2x0e+1x0o+2x1e", 2, 5),
    "up to degree 3": ("20x0e+3x1o+1x3o", 3, 40),
    "no path from scalars": ("1x0o+17x1o", 1, 8),
}
GRAPHS = {
    "complete": lambda: Graph.complete(3, 6),
    "many of one pair": lambda: Graph.complete(30, 2),
    "large": lambda: Graph.complete(2, 12),
    "in no order, with loops": lambda: listed(17, 150),
    "nodes without edges": lambda: Graph.from_edges(torch.tensor([[3, 0], [0, 3]]), num_nodes=5),
    "one edge": lambda: Graph.from_edges(torch.tensor([[1], [0]]), num_nodes=2),
}


def listed(nodes: int, edges: int) -> Graph:
    return Graph.from_edges(torch.randint(nodes, (2, edges)), num_nodes=nodes, num_graphs=1)


def build(name: str = "as many of each") -> Convolution:
    irreps, lmax, hidden = LAYERS[name]
    return Convolution(o3.Irreps(irreps), lmax, o3.Irreps(irreps), hidden)


def inputs(layer: Convolution, graph: Graph, pairs: Pairs | None = None) -> list[Tensor]:
    """h, u and phi."""
    edges = graph.num_edges if pairs is None else pairs.senders.shape[0]
    return [
        torch.randn(graph.num_nodes, layer.irreps_in.dim),
        torch.randn(edges, 3),
        torch.randn(edges, layer.hidden),
    ]


@contextmanager
def switched(on: bool):
    native.use_native(on)
    try:
        yield
    finally:
        native.use_native(True)


def results(layer, graph, given, on: bool, double: bool = False, pairs=None, second=False):
    """Sums and their gradients, of inputs and weights; ``second``: the gradients' gradients."""
    dtype = torch.float64 if double else torch.float32
    layer = copy.deepcopy(layer).to(dtype)
    given = [value.to(dtype, copy=True).requires_grad_() for value in given]
    leaves = [*given, *layer.parameters()]
    leaves = [leaf for leaf in leaves if leaf.numel()]
    with switched(on):
        out = layer(*given, graph, pairs)
        loss = (out * torch.linspace(-1, 1, out.shape[1], dtype=dtype)).square().sum()
        first = torch.autograd.grad(loss, leaves, create_graph=second)
        if not second:
            return [out.detach(), *first]
        total = sum(g.square().sum() for g in first)
        return list(torch.autograd.grad(total, leaves))


def error(ours: list[Tensor], exact: list[Tensor]) -> float:
    """The largest of all tensors, each against its own size."""
    assert [t.shape for t in ours] == [t.shape for t in exact]
    return max(
        float((a.double() - b).norm() / b.norm().clamp(min=1e-30))
        for a, b in zip(ours, exact, strict=True)
    )


def orders(graph: Graph) -> bool:
    """Whether the edges come receiver by receiver."""
    return all(a <= b for a, b in pairwise(graph.receivers.tolist()))


class Calls:
    """Counts the calls of the kernel."""

    def __init__(self, monkeypatch) -> None:
        self.count, self.mirrored = 0, 0
        forward = conv_native.forward

        def counted(given, edges):
            self.count += 1
            self.mirrored += edges.mirrored
            return forward(given, edges)

        monkeypatch.setattr(conv_native, "forward", counted)

"""What the tests of several backbones look at: degenerate input, batches, cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from eqnorm import Graph
from tests.adapters.scalarised_case import close

DEGENERATE: dict[str, Callable[[Tensor], Tensor]] = {
    "zeros": lambda x: x * 0,
    "coincident": lambda x: x[:1].expand_as(x).clone(),
    "two coincident": lambda x: torch.cat([x[:1], x[:1], x[2:]]),
    "collinear": lambda x: x[:, :1] * torch.ones(3, dtype=x.dtype),
    "tiny": lambda x: x * 1e-3,
    "nearly coincident": lambda x: x * 1e-20,
    "huge": lambda x: x * 1e3,
}


def each_graph_alone(
    model: nn.Module, sizes: Sequence[int], given: Callable[[Graph], dict[str, Tensor]]
) -> None:
    """Complete graphs of these sizes in one batch give what each of them gives alone."""
    whole = Graph.complete(num_nodes=sizes)
    inputs = given(whole)
    out = model(graph=whole, **inputs)
    edges = [n * (n - 1) for n in sizes]
    for index, n in enumerate(sizes):
        parts = {
            key: value.split(edges if key == "edge_attr" else list(sizes))[index]
            for key, value in inputs.items()
        }
        single = model(graph=Graph.complete(1, n), **parts)
        close(out.x.split(list(sizes))[index], single.x)
        close(out.h.split(list(sizes))[index], single.h)


def nothing_from_afar(model: nn.Module) -> None:
    """With a cutoff of 1.5, the third of three nodes in a row, at 0, 1 and 2.6, may go anywhere."""
    x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2.6, 0, 0]], dtype=torch.float64)
    far = x + torch.tensor([[0.0], [0], [40]], dtype=torch.float64)
    graph = Graph.complete(1, 3)
    close(model(x, graph).x[:2], model(far, graph).x[:2], 1e-13)
    assert (model(x, graph).x[:2] - x[:2]).abs().max() > 1e-6

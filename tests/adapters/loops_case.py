"""What loops over nodes and edges are written with, and what they are compared on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from eqnorm import Graph
from tests.adapters.scalarised_case import build, inputs

SLOTS = ("norm", "update_norm", "edge_norm", "feature_norm", "message_norm")


class Probe(nn.Module):
    """A norm whose output shows each of its inputs."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x, graph=None, x0=None, v=None, h=None):
        assert graph.num_nodes == x.shape[0]
        return probe(self.factor, x, x0, v, h)


def probe(factor, x, x0, v, h):
    out = factor * x
    for weight, value in ((0.1, x0), (0.2, v)):
        if value is not None:
            out = out + weight * (value if value.shape == x.shape else value.sum(-1, keepdim=True))
    return out if h is None else out + 0.03 * h.mean(-1, keepdim=True)


def linear(layer: nn.Module, value: Tensor) -> Tensor:
    """One row through a linear layer."""
    out = torch.stack([sum(w * c for w, c in zip(row, value, strict=True)) for row in layer.weight])
    return out if layer.bias is None else out + layer.bias


def act(value: Tensor) -> Tensor:
    return value / (1 + torch.exp(-value))


def mlp(layers: nn.Module, value: Tensor) -> Tensor:
    """One row through linear layers with silu between them."""
    for module in layers:
        value = linear(module, value) if hasattr(module, "weight") else act(value)
    return value


def scale(how: str, count: int) -> float:
    return {"sum": 1.0, "mean": 1 / max(count, 1), "sqrt": max(count, 1) ** -0.5}[how]


def irregular() -> tuple[list[tuple[int, int]], Graph]:
    """Edges (i, j), i receiving, in no order, and their graph; node 5 receives nothing."""
    edges = [(2, 0), (0, 1), (4, 3), (1, 0), (0, 2), (3, 5), (3, 4)]
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    return edges, Graph.from_edges(torch.tensor(edges).T, batch, 2, flow="target_to_source")


def complete() -> tuple[list[tuple[int, int]], Graph]:
    """The same for two complete graphs of three nodes."""
    edges = [(i + g, j + g) for g in (0, 3) for i in range(3) for j in range(3) if i != j]
    return edges, Graph.complete(2, 3)


LAYOUTS = {"complete": complete, "irregular": irregular}


def against_loops(
    name: str,
    oracle: Callable[..., tuple[Tensor, Tensor]],
    options: dict[str, object],
    slots: Iterable[str],
    layout: str,
    tolerance: float = 1e-10,
) -> None:
    """A backbone with these options, and a probe in each of these slots, gives what loops give.

    The oracle takes the model, its edges and graph, its inputs, options, and the probes' factors.
    """
    factors = {slot: 0.5 + 0.1 * k for k, slot in enumerate(slots)}
    model = build(name, **options, **{slot: Probe(factor) for slot, factor in factors.items()})
    edges, graph = LAYOUTS[layout]()
    given = inputs(graph)
    with torch.no_grad():
        out = model(graph=graph, **given)
        x, h = oracle(model, edges, graph, given, options, factors)
    assert (out.x - given["x"]).abs().max() > 1e-4
    assert (h - h.mean()).abs().max() > 0.1
    torch.testing.assert_close(out.x, x, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(out.h, h, rtol=tolerance, atol=tolerance)

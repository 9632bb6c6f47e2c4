"""Small models of `egnn` and `egnn_vel`, and input for them."""

from __future__ import annotations

import torch
from torch import nn

import eqnorm
from eqnorm import Graph

NAMES = ["egnn", "egnn_vel"]
NORMED = {
    "norm": "geonorm",
    "update_norm": "softcap",
    "edge_norm": "enf",
    "feature_norm": "identity",
    "message_norm": "identity",
}


def build(name: str, dtype: torch.dtype = torch.float64, **options) -> nn.Module:
    """A small model with parameters that hide nothing."""
    sizes = {"hidden": 6, "layers": 2, "node_dim": 2, "edge_dim": 1}
    model = eqnorm.create_model(name, **{**sizes, **options}).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return model


def inputs(model: nn.Module, graph: Graph, dtype: torch.dtype = torch.float64):
    nodes = graph.num_nodes
    given = {"x": torch.randn(nodes, 3, dtype=dtype), "h": torch.randn(nodes, 2, dtype=dtype)}
    if eqnorm.contract_of(model).velocities:
        given["v"] = torch.randn(nodes, 3, dtype=dtype)
    given["edge_attr"] = torch.randn(graph.num_edges, 1, dtype=dtype)
    return given


def listed(graph: Graph) -> Graph:
    """The same graph as an edge list, in the same order."""
    return Graph.from_edges(graph.edge_index, graph.batch, graph.num_graphs)


def gradients(model, given, graph):
    given = {name: value.clone().requires_grad_() for name, value in given.items()}
    model.zero_grad()
    out = model(graph=graph, **given)
    (out.x.pow(2).sum() + out.h.sin().sum()).backward()
    return [out.x.detach(), out.h.detach()] + [
        value.grad for value in (*given.values(), *model.parameters())
    ]


def assert_hooks_are_called(model: nn.Module, network: nn.Sequential, *given) -> None:
    """Those of a network, of its first map and its last, which change nothing of what comes out."""
    expected, seen = model(*given), []
    for place in (network, network[0], network[2]):
        place.register_forward_hook(lambda *_: seen.append(1))
    out = model(*given)
    assert len(seen) == 3
    torch.testing.assert_close(out.x, expected.x)
    torch.testing.assert_close(out.h, expected.h)

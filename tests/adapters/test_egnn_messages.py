"""The edges of an EGNN in torch: gradients written by hand, against differences and modules."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import _egnn_path, native
from eqnorm_adapters._egnn_messages import sums_and_weights

GRAPHS = {
    "complete": lambda: Graph.complete(2, 4),
    "list": lambda: Graph.from_edges(torch.tensor([[0, 2, 3, 1, 2], [1, 1, 0, 3, 0]]), num_nodes=5),
}


@pytest.mark.parametrize("outputs", [(0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("graph", GRAPHS)
def test_first_and_second_derivatives_are_those_of_differences(graph, outputs):
    g, width = GRAPHS[graph](), 3
    shapes = [(g.num_nodes, width)] * 2 + [(g.num_edges, 2), (width, 2)]
    shapes += [(width, width), (width,), (width, width), (width,), (1, width)]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def run(a, b, s, w, *parameters):
        out = sums_and_weights((a, b), s, w, parameters, g)
        return tuple(out[k] for k in outputs)

    # Of the sums alone nothing reaches W3, b3 and w4.
    used = given if 1 in outputs else given[:6]
    fixed = [t.detach() for t in given[len(used) :]]
    assert torch.autograd.gradcheck(lambda *t: run(*t, *fixed), used)
    assert torch.autograd.gradgradcheck(lambda *t: run(*t, *fixed), used)


@pytest.mark.parametrize("options", [{}, {"tanh": True, "message_aggregation": "mean"}])
@pytest.mark.parametrize("graph", GRAPHS)
def test_what_modules_give(graph, options, monkeypatch):
    monkeypatch.setattr(native._library, "_wanted", False)
    g = GRAPHS[graph]()
    model = eqnorm.create_model("egnn", hidden=8, layers=2, **options).double()
    x = torch.randn(g.num_nodes, 3, dtype=torch.float64)
    found, calls = [], []
    ask = _egnn_path.parameters_in_torch
    counted = lambda *given: calls.append(ask(*given)) or calls[-1]  # noqa: E731
    for replacement in (counted, lambda *_: None):
        monkeypatch.setattr(_egnn_path, "parameters_in_torch", replacement)
        model.zero_grad()
        start = x.clone().requires_grad_()
        out = model(start, g)
        (out.x.square().sum() + out.h.sin().sum()).backward()
        found.append([out.x, out.h, start.grad, *(p.grad for p in model.parameters())])
    assert len(calls) == 2
    assert None not in calls
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("part", ["edge_mlp", "coord_mlp", "node_mlp", "coord_mlp_vel"])
def test_hooks_of_networks_are_called(part, compiled, monkeypatch):
    monkeypatch.setattr(native._library, "_wanted", compiled)
    model = eqnorm.create_model("egnn_vel", hidden=16, layers=1)
    seen = []
    getattr(model.layers[0], part)[0].register_forward_hook(lambda *_: seen.append(1))
    network = getattr(model.layers[0], part)
    if part in ("node_mlp", "coord_mlp_vel"):
        network.register_forward_hook(lambda *_: seen.append(1))
    graph = Graph.complete(2, 3)
    model(torch.randn(6, 3), graph, v=torch.randn(6, 3))
    # The first product of phi_e is split: its module is not called by anyone.
    assert len(seen) == {"edge_mlp": 0, "coord_mlp": 1}.get(part, 2)

"""The compiled convolution as an operation of torch: fake tensors, autograd, torch.compile."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._conv import calls as conv_native
from eqnorm_adapters._conv import fused
from eqnorm_adapters._conv.calls import ConvEdges, ConvInputs
from eqnorm_adapters._conv.layout import filled
from eqnorm_adapters._conv.operations import conv_sums, conv_sums_backward
from tests.adapters.native.conv_case import LAYERS, Calls, build, error, inputs, listed

pytestmark = pytest.mark.usefixtures("compiled")


def arguments(name: str, mirrored: bool):
    layer, graph = build(name), listed(9, 50)
    if mirrored:  # a pair is two nodes
        graph = Graph.from_edges(graph.edge_index[:, graph.senders != graph.receivers], num_nodes=9)
    h, u, phi = inputs(layer, graph)
    layout = layer._layout
    phi = filled(phi)
    weights = torch.randn(phi.shape[1], layout.weights([*layer.weights]).shape[1])
    tables = (layout.paths, layout.terms, layout.values, layout.out_width, mirrored)
    given = ConvInputs(layout.features(h), layer.harmonics(u), phi, weights)
    return given, ConvEdges(graph.senders, graph.receivers, *tables)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_the_sums_in_torch_are_the_kernels(name, mirrored):
    given, edges = arguments(name, mirrored)
    exact = fused.in_torch(given, edges)
    assert error([conv_native.forward(given, edges)], [exact.double()]) < 1e-6


@pytest.mark.parametrize("mirrored", [False, True])
def test_torch_finds_nothing_wrong_with_the_operations(mirrored):
    given, edges = arguments("both parities", mirrored)
    torch.library.opcheck(conv_sums, (*(t.detach().requires_grad_() for t in given), *edges))
    plain = [t.detach() for t in given]
    g = torch.randn(plain[0].shape[0], edges.out_width)
    for wants_y in (True, False):
        torch.library.opcheck(conv_sums_backward, (*plain, *edges, g, wants_y))


def test_compiles_to_the_same_operation(monkeypatch):
    torch.compiler.reset()
    layer, calls = build("both parities"), Calls(monkeypatch)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    graph = Graph.complete(num_nodes=[3, 4])
    given, found = inputs(layer, graph), []
    for run in (layer, compiled):
        leaves = [t.clone().requires_grad_() for t in given]
        run(*leaves, graph).square().sum().backward()
        found.append([t.grad.double() for t in leaves])
    assert calls.count == 2
    assert error(*found) < 1e-6
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tfn", "nequip"])
def test_models_compile_as_one_graph_for_all_sizes(name, monkeypatch):
    torch.compiler.reset()
    model = eqnorm.create_model(name, layers=1, hidden=4)
    count = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)
    calls = Calls(monkeypatch)
    for sizes in ([4, 8, 7, 9], [5, 9, 4, 10, 11], [3, 3, 4]):
        graph = Graph.complete(num_nodes=sizes)
        x, found = torch.randn(graph.num_nodes, 3), []
        for run in (model, compiled):
            model.zero_grad()
            before = calls.count
            out = run(x, graph)
            (out.x.square().sum() + out.h.square().sum()).backward()
            assert calls.count > before
            weights = [p.grad.double() for p in model.layers[0].convolution.parameters()]
            found.append([out.x.detach().double(), out.h.detach().double(), *weights])
        assert error(*found) < 1e-5
    assert count.frame_count == 1
    torch.compiler.reset()


def test_what_is_exported_does_not_need_this_package():
    model, graph = eqnorm.create_model("tfn", layers=1, hidden=4), Graph.complete(2, 4)

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x, graph).x

    program = torch.export.export(Wrapped(), (torch.randn(8, 3),))
    assert "eqnorm" not in str(program.graph)

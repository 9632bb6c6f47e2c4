"""The compiled sums over edges as an operation of torch: fake tensors, autograd, torch.compile."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import edge_calls, fused
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs
from eqnorm_adapters._egnn.compiled.operations import edge_sums, egnn_edges, egnn_edges_backward
from tests.adapters.native.egnn_case import Calls, build, error, inputs, problem_of

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.mark.parametrize("options", [{}, {"attention": True, "tanh": True, "edge_dim": 0}])
@pytest.mark.parametrize("graph", ["complete", "periodic"])
def test_the_sums_in_torch_are_the_kernels(graph, options):
    given, edges = problem_of(graph, **options)
    ours, plain = edge_sums(given, edges), fused.in_torch(given, edges)
    for value, expected in zip(ours, plain, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden", [5, 16])
@pytest.mark.parametrize("graph", ["complete", "in no order"])
def test_torch_finds_nothing_wrong_with_the_operations(graph, hidden):
    given, edges = problem_of(graph, hidden, attention=True)
    detached = [None if t is None else t.detach().requires_grad_() for t in given]
    torch.library.opcheck(egnn_edges, (*detached, *edges))
    plain = [None if t is None else t.detach() for t in given]
    sums, moves, first = edge_calls.forward(EdgeInputs(*plain), edges)
    for wants_x, wants_e in ((True, True), (False, False)):
        last = (first.detach(), torch.randn_like(sums), torch.randn_like(moves), wants_x, wants_e)
        torch.library.opcheck(egnn_edges_backward, (*plain, *edges, *last))


@pytest.mark.parametrize("backend", ["aot_eager"])
def test_compiles_as_one_graph_for_all_sizes(backend, monkeypatch):
    torch.compiler.reset()
    model = build(layers=1, norm="geonorm", norm_last=True)
    count = CompileCounterWithBackend(backend)
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)
    calls = Calls(monkeypatch)

    def check(graph):
        given = inputs(model, graph)
        results = []
        for run in (model, compiled):
            model.zero_grad()
            before = calls.count
            out = run(graph=graph, **given)
            out.x.square().sum().backward()
            assert calls.count > before
            gradients = [p.grad for p in model.layers[0].edge_mlp.parameters()]
            results.append([out.x.detach(), *(g.clone() for g in gradients)])
        assert error(results[1], results[0]) < 1e-5

    for batch, size in ((4, 8), (5, 10), (9, 12)):
        check(Graph.complete(batch, size))
    assert count.frame_count == 1
    for sizes in ([4, 8, 7, 9], [5, 9, 4, 10, 11]):
        check(Graph.complete(num_nodes=sizes))
    assert count.frame_count == 2
    torch.compiler.reset()


def test_what_is_exported_does_not_need_this_package():
    model, graph = build(), Graph.complete(2, 4)
    given = inputs(model, graph)

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x, graph).x

    program = torch.export.export(Wrapped(), (given["x"],))
    assert "eqnorm" not in str(program.graph)

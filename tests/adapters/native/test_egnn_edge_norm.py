"""With an edge norm the compiled kernel sums the vectors that torch has normed."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled import fused
from eqnorm_adapters._egnn.compiled.inputs import Edges
from eqnorm_adapters._egnn.compiled.operations import edge_sums, egnn_edges, egnn_edges_backward
from eqnorm_adapters._egnn.compiled.relative import relative
from tests.adapters.native.egnn_case import (
    GRAPHS,
    Calls,
    assert_kernel_equivariant,
    build,
    error,
    inputs,
    problem_of,
    results,
)

pytestmark = pytest.mark.usefixtures("compiled")


def _edge_norms() -> list[str]:
    """All that the slot takes: what needs points or features it does not have."""
    names = eqnorm.list_norms(on="1o")
    return [name for name in names if not eqnorm.norm_spec(name, "1o").needs]


def _same(model, graph, monkeypatch) -> None:
    given = inputs(model, graph)
    calls = Calls(monkeypatch)
    ours, plain, exact = (
        results(model, graph, given, on, double)
        for on, double in ((True, False), (False, False), (False, True))
    )
    assert calls.count == len(model.layers)
    for k in range(2):
        assert error(ours[k], exact[k]) <= 3 * error(plain[k], exact[k]) + 1e-6


@pytest.mark.parametrize("norm", _edge_norms())
def test_every_registered_norm(norm, monkeypatch):
    for graph in ("complete", "ragged"):
        _same(build(edge_norm=norm), GRAPHS[graph](), monkeypatch)


@pytest.mark.parametrize("graph", [name for name in GRAPHS if name != "alone"])
@pytest.mark.parametrize("options", [{}, {"attention": True, "tanh": True, "edge_dim": 0}])
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
def test_every_graph(name, options, graph, monkeypatch):
    how = {"coord_aggregation": "mean", "message_aggregation": "sqrt", "coords_weight": 0.5}
    _same(build(name, edge_norm="enf", **how, **options), GRAPHS[graph](), monkeypatch)


@pytest.mark.parametrize("hidden", [5, 64])
def test_other_widths_and_products(hidden, monkeypatch):
    _same(build(hidden=hidden, edge_norm="coorsnorm"), Graph.complete(3, 20), monkeypatch)
    half = build(hidden=hidden, edge_norm="coorsnorm", products="bfloat16")
    graph = Graph.complete(3, 20)
    given = inputs(half, graph)
    wrong = error(results(half, graph, given, True)[1], results(half, graph, given, False, True)[1])
    assert wrong < 2e-2


@pytest.mark.parametrize("graph", ["complete", "in no order"])
def test_threads_share_the_work(graph, monkeypatch):
    many = Graph.complete(1, 40)
    if graph == "in no order":
        order = torch.randperm(many.num_edges)
        many = Graph.from_edges(many.edge_index[:, order], num_nodes=40)
    model = build(edge_norm="enf", coord_aggregation="mean")
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            _same(model, many, monkeypatch)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("options", [{}, {"attention": True, "tanh": True, "edge_dim": 0}])
@pytest.mark.parametrize("graph", ["complete", "periodic"])
def test_the_sums_in_torch_are_the_kernels(graph, options):
    given, edges = problem_of(graph, **options, edge_norm="enf")
    ours, plain = edge_sums(given, edges), fused.in_torch(given, edges)
    assert given.vectors is not None
    for value, expected in zip(ours, plain, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("graph", ["complete", "in no order"])
def test_torch_finds_nothing_wrong_with_the_operations(graph):
    given, edges = problem_of(graph, attention=True, edge_norm="enf")
    detached = [None if t is None else t.detach().requires_grad_() for t in given]
    torch.library.opcheck(egnn_edges, (*detached, *edges))
    plain = [None if t is None else t.detach() for t in given]
    sums, moves, first = egnn_edges(*plain, *edges)
    torch.library.opcheck(egnn_edges_backward, (*plain, *edges, first, sums, moves, True, True))


def test_compiles_as_one_graph_for_all_sizes(monkeypatch):
    torch.compiler.reset()
    model = build(layers=1, edge_norm="enf")
    count = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)
    calls = Calls(monkeypatch)
    for batch, size in ((4, 8), (5, 10)):
        graph = Graph.complete(batch, size)
        given, found = inputs(model, graph), []
        for run in (model, compiled):
            model.zero_grad()
            before = calls.count
            out = run(graph=graph, **given)
            (out.x.square().sum() + out.h.sum()).backward()
            assert calls.count > before
            parameters = [
                *model.layers[0].edge_mlp.parameters(),
                *model.layers[0].coord_mlp.parameters(),
            ]
            found.append([out.x.detach(), *(p.grad.clone() for p in parameters)])
        assert error(found[1], found[0]) < 1e-5
    assert count.frame_count == 1
    torch.compiler.reset()


@pytest.mark.parametrize("graph", ["complete", "periodic"])
def test_second_derivatives(graph):
    model, g = build(edge_norm="enf", tanh=True), GRAPHS[graph]()
    given = inputs(model, g)

    def second(on, dtype):
        native.use_native(on)
        own = build(edge_norm="enf", tanh=True).to(dtype)
        own.load_state_dict({k: v.to(dtype) for k, v in model.state_dict().items()})
        x = given["x"].to(dtype, copy=True).requires_grad_()
        out = own(x, g, **{k: v.to(dtype) for k, v in given.items() if k != "x"})
        energy = out.h.sin().sum() + out.x.square().sum()
        (force,) = torch.autograd.grad(energy, x, create_graph=True)
        force.square().sum().backward()
        native.use_native(True)
        return [x.grad, *(p.grad for p in own.parameters() if p.grad is not None)]

    assert error(second(True, torch.float32), second(False, torch.float64)) < 1e-5


def test_symmetries_hold(monkeypatch):
    model = build(edge_dim=0, edge_norm="enf")
    assert_kernel_equivariant(model, monkeypatch)


@pytest.mark.parametrize("graph", [name for name in GRAPHS if name != "alone"])
def test_relative_vectors(graph):
    g = GRAPHS[graph]()
    x, weight = torch.randn(g.num_nodes, 3), torch.randn(g.num_edges, 3)
    found = []
    for function in (lambda x: relative(x, g, _edges(g)), g.relative):
        at = x.clone().requires_grad_()
        vectors = function(at)
        (first,) = torch.autograd.grad((vectors.sin() * weight).sum(), at, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), at)
        found.append((vectors.detach(), first.detach(), second))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_relative_vectors_of_nodes_that_there_are_not():
    graph = Graph.from_edges(torch.tensor([[0, 99], [1, 0]]), num_nodes=3, validate=False)
    with pytest.raises(IndexError, match=r"an edge joins a node outside of 0\.\.2"):
        relative(torch.randn(3, 3), graph, _edges(graph))


def _edges(graph: Graph) -> Edges:
    listed = graph.edges or (None, None)
    senders, receivers = (None if t is None else t.contiguous() for t in listed)
    size = 0 if graph.neighbors is None else graph.neighbors.shape[0]
    shifts = None if graph.shifts is None else graph.shifts.float()
    return Edges(senders, receivers, shifts, size, False, False)

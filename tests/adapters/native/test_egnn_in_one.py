"""Layers in one call as an operation: what torch.compile sees, and what is kept behind tickets."""

from __future__ import annotations

import gc

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils._pytree import tree_map_only

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled import kept, tickets, whole, whole_stack
from eqnorm_adapters._egnn.memory import Pool
from tests.adapters.native.egnn_case import GRAPHS, OPTIONS, build, error, inputs

pytestmark = pytest.mark.usefixtures("compiled")


KERNELS = {"eqnorm.egnn_in_one.default", "eqnorm.egnn_in_one", "eqnorm.conv_sums.default"}


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    """Empty: memory, tickets, compiled code."""
    torch.compiler.reset()
    monkeypatch.setattr(kept, "POOL", Pool(kept.MOST))
    monkeypatch.setattr(tickets, "_kept", {})
    return kept.POOL


class Operations:
    """Calls of the operations; while they are on, what runs at once goes through them too."""

    def __init__(self, monkeypatch) -> None:
        self.calls, self.on = [], True
        for module in (whole, whole_stack):
            monkeypatch.setattr(module, "in_one", self._traced(module.in_one))
        monkeypatch.setattr(whole_stack, "norms_of", self._traced(whole_stack.norms_of))
        for name in ("egnn_in_one", "egnn_in_one_backward"):
            monkeypatch.setattr(torch.ops.eqnorm, name, self._seen(getattr(torch.ops.eqnorm, name)))

    def _traced(self, real):
        def traced(*given):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch.compiler, "is_compiling", lambda: self.on)
                return real(*given)

        return traced

    def _seen(self, real):
        def seen(*given):
            self.calls.append((real, given))
            return real(*given)

        return seen


@pytest.fixture
def operations(monkeypatch):
    return Operations(monkeypatch)


def step(model, graph, given, part="both"):
    """Outputs, and gradients of all inputs and parameters."""
    given = {name: value.clone().requires_grad_() for name, value in given.items()}
    model.zero_grad()
    out = model(graph=graph, **given)
    loss = {"x": lambda: out.x.square().sum(), "h": lambda: out.h.sin().sum()}
    sum(one() for name, one in loss.items() if part in (name, "both")).backward()
    found = [*(v.grad for v in given.values()), *(p.grad for p in model.parameters())]
    return [out.x.detach(), out.h.detach(), *(g for g in found if g is not None and g.any())]


@pytest.mark.parametrize("part", ["both", "x", "h"])
@pytest.mark.parametrize("options", [name for name in OPTIONS if name != "norms"])
@pytest.mark.parametrize("graph", ["complete", "ragged", "periodic"])
def test_the_operation_is_the_call(graph, options, part, operations):
    if graph == "periodic" and options == "a norm":
        options = "plain"  # GeoNorm has no meaning in a box
    model, g = build(**OPTIONS[options]), GRAPHS[graph]()
    given, found = inputs(model, g), []
    for operations.on in (True, False):
        operations.calls.clear()
        found.append(step(model, g, given, part))
        assert bool(operations.calls) == operations.on
    assert error(*found) < 1e-6


def test_its_gradient_can_be_differentiated(operations):
    model, graph = build(), Graph.complete(2, 5)
    given = inputs(model, graph)

    def second(given):
        x = given["x"].clone().requires_grad_()
        energy = model(graph=graph, **{**given, "x": x}).x.square().sum()
        (force,) = torch.autograd.grad(energy, x, create_graph=True)
        return list(torch.autograd.grad(force.square().sum(), [x, *model.layers[0].parameters()]))

    ours = second(given)
    assert operations.calls
    model.double()
    assert error(ours, second({name: value.double() for name, value in given.items()})) < 1e-4


@pytest.mark.parametrize("options", ["plain", "a norm"])
def test_torch_finds_nothing_wrong_with_it(options, operations, monkeypatch):
    model, graph = build(**OPTIONS[options]), Graph.complete(2, 5)
    step(model, graph, inputs(model, graph))
    monkeypatch.undo()
    # Not what is compiled with what is not: tickets have other numbers, and spare room anything.
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    for operation, given in operations.calls:
        torch.library.opcheck(
            operation, tree_map_only(torch.Tensor, torch.detach, given), test_utils=tests
        )


@pytest.mark.parametrize("options", OPTIONS)
def test_compiled_it_is_one_graph_with_the_results_of_eager_mode(options):
    model = build(**OPTIONS[options])
    count = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)
    for batch, size in ((4, 8), (5, 10)):
        graph = Graph.complete(batch, size)
        given = inputs(model, graph)
        assert error(step(compiled, graph, given), step(model, graph, given)) < 1e-5
    traced = [found.graph for found in count.graphs if len(found.graph.nodes)]
    called = [str(node.target) for node in traced[-1].nodes]
    expected = len(model.layers) if "norm" in options else 1
    assert sum("egnn_in_one" in name for name in called) == expected


@pytest.mark.parametrize("name", ["egnn", "tfn"])
def test_turning_the_kernels_off_is_seen_by_what_is_compiled(name):
    model, graph = eqnorm.create_model(name, layers=1), Graph.complete(8, 13)
    count = CompileCounterWithBackend("eager")
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)
    kernels = []
    try:
        for on in (True, False, True):
            native.use_native(on)
            compiled(torch.randn(104, 3), graph)
            called = {str(node.target) for node in count.graphs[-1].graph.nodes}
            kernels.append(not called.isdisjoint(KERNELS))
    finally:
        native.use_native(True)
    assert kernels[:2] == [True, False]
    assert count.frame_count == 2  # turned on again, it is what was compiled first


def test_what_is_kept_is_lent_while_the_graph_lives(pool):
    model, graph = build(), Graph.complete(3, 6)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    given = inputs(model, graph)
    out = compiled(graph=graph, **given)
    assert len(tickets._kept) == 1
    assert pool.held > 0
    assert not pool.free
    out.x.sum().backward()
    assert not tickets._kept
    assert len(pool.free) == len(model.layers)
    out = compiled(graph=graph, **given)
    assert len(tickets._kept) == 1
    del out  # without a gradient
    gc.collect()
    assert not tickets._kept
    with torch.no_grad():
        compiled(graph=graph, **given)
    assert len(pool.free) == len(model.layers)


def test_gone_through_twice(operations):
    model, graph = build(), Graph.complete(3, 6)
    loss = model(graph=graph, **inputs(model, graph)).x.square().sum()
    parameters = list(model.layers[0].edge_mlp.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    second = torch.autograd.grad(loss, parameters)  # computed anew
    assert len(operations.calls) == 3
    assert all(torch.equal(p, q) for p, q in zip(first, second, strict=True))


def test_gradients_of_what_has_no_part_are_dense(operations, monkeypatch):
    model, graph = build(layers=1, update_norm="softcap"), Graph.complete(2, 5)
    given = inputs(model, graph)
    v = torch.randn(3, 10).t().requires_grad_()  # as columns
    model(graph=graph, **{**given, "v": v}).h.sum().backward()  # which no velocity reaches
    monkeypatch.undo()
    backward, arguments = operations.calls[-1]
    arguments = tree_map_only(torch.Tensor, torch.detach, arguments)
    torch.library.opcheck(backward, arguments, test_utils="test_faketensor")

"""The compiled convolution gives what torch gives, and runs where it can."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch.func import functional_call, grad, vmap

import eqnorm
from eqnorm import Graph
from eqnorm.testing import assert_equivariant
from eqnorm_adapters import native
from eqnorm_adapters._conv.convolution import Convolution
from eqnorm_adapters._pairs import pairs_of
from tests.adapters.native.conv_case import (
    GRAPHS,
    LAYERS,
    Calls,
    build,
    error,
    inputs,
    listed,
    orders,
    results,
    switched,
)

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_torch(name, graph, monkeypatch):
    layer, g = build(name), GRAPHS[graph]()
    calls = Calls(monkeypatch)
    for pairs in {pairs_of(g), None}:
        given = inputs(layer, g, pairs)
        before = calls.count
        ours = results(layer, g, given, True, pairs=pairs)
        assert calls.count == before + 1
        assert error(ours, results(layer, g, given, False, True, pairs)) < 2e-6


def test_gradients_that_nobody_wants_are_not_made():
    layer, graph = build(), GRAPHS["complete"]()
    h, u, phi = inputs(layer, graph)
    alone = layer(h, u, phi.requires_grad_(), graph)
    alone.square().sum().backward()
    expected = phi.grad.clone()
    phi.grad = None
    with switched(False):
        layer(h, u, phi, graph).square().sum().backward()
    assert error([phi.grad.double()], [expected.double()]) < 2e-6
    assert u.grad is None
    with torch.no_grad():
        assert torch.equal(layer(h, u, phi, graph), alone)


@pytest.mark.parametrize("graph", ["complete", "pairs", "in no order"])
def test_threads_share_the_work_and_add_up_in_one_order(graph):
    layer = build()
    g = listed(40, 600) if graph == "in no order" else Graph.complete(3, 20)
    assert orders(g) == (graph != "in no order")
    pairs = pairs_of(g) if graph == "pairs" else None
    given, before, found = inputs(layer, g, pairs), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 3):
            torch.set_num_threads(threads)
            found.append(results(layer, g, given, True, pairs=pairs))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert error([t.double() for t in other], [t.double() for t in found[0]]) < 2e-6
    assert all(torch.equal(p, q) for p, q in zip(found[2], found[3], strict=True))


@pytest.mark.parametrize("graph", ["complete", "in no order, with loops"])
@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives(name, graph):
    layer, g = build(name), GRAPHS[graph]()
    pairs = pairs_of(g)
    given = inputs(layer, g, pairs)
    ours, exact = (
        results(layer, g, given, on, double, pairs, second=True)
        for on, double in ((True, False), (False, True))
    )
    assert error(ours, exact) < 5e-6


def test_where_it_does_not_apply(monkeypatch):
    graph, calls = GRAPHS["complete"](), Calls(monkeypatch)

    def used(layer, graph=graph, dtype=torch.float32) -> bool:
        given = [value.to(dtype) for value in inputs(layer, graph)]
        calls.count = 0
        layer(*given, graph)
        return calls.count > 0

    assert used(build())
    assert not used(build().double(), dtype=torch.float64)
    assert not used(Convolution(o3.Irreps("1x0e+1x4e"), 4, o3.Irreps("1x0e+1x4e"), 3))
    assert not used(build(), Graph.complete(3, 1))
    with torch.autocast("cpu", torch.bfloat16):
        assert not used(build())
    with switched(False):
        assert not used(build())
    layer = build()
    h, u, phi = inputs(layer, graph)
    calls.count = 0
    (by_func,) = grad(lambda u: layer(h, u, phi, graph).sin().sum(), argnums=(0,))(u)
    vmap(lambda h: functional_call(layer, {}, (h, u, phi, graph)))(torch.stack([h, h]))
    assert calls.count == 0
    (by_kernel,) = torch.autograd.grad(layer(h, u.requires_grad_(), phi, graph).sin().sum(), u)
    assert calls.count == 1
    torch.testing.assert_close(by_func, by_kernel, rtol=1e-3, atol=1e-3)


def test_weights_of_another_dtype_are_left_to_torch(monkeypatch):
    layer, graph, calls = build(), GRAPHS["complete"](), Calls(monkeypatch)
    layer.weights.double()
    with pytest.raises(RuntimeError, match="dtype"):
        layer(*inputs(layer, graph), graph)
    assert calls.count == 0


def test_an_edge_to_nowhere():
    layer = build()
    for ends in ([[0, 5], [1, 0]], [[0, -1], [1, 0]]):
        graph = Graph.from_edges(torch.tensor(ends), num_nodes=2, validate=False)
        with pytest.raises(IndexError, match=r"an edge joins a node outside of 0\.\.1"):
            layer(*inputs(layer, graph), graph)


@pytest.mark.parametrize("name", ["tfn", "nequip"])
def test_models_are_those_of_torch(name, monkeypatch):
    calls = Calls(monkeypatch)
    model = eqnorm.create_model(name, layers=2, hidden=4)
    box = Graph.radius(torch.rand(9, 3) * 4, 2.5, box=4.0 * torch.eye(3))
    for graph, mirrored in ((Graph.complete(2, 6), 2), (box, 0)):
        calls.count = calls.mirrored = 0
        x, v = torch.randn(2, graph.num_nodes, 3)
        found = []
        for on, dtype in ((True, torch.float32), (False, torch.float64)):
            model = model.to(dtype).requires_grad_()
            model.zero_grad()
            start = x.to(dtype, copy=True).requires_grad_()
            with switched(on):
                out = model(start, graph, v=v.to(dtype))
                (out.x.square().sum() + out.h.square().sum()).backward()
            grads = [p.grad for p in model.parameters() if p.numel() and p.grad is not None]
            found.append([out.x.detach(), out.h.detach(), start.grad, *grads])
        model = model.float()
        assert (calls.count, calls.mirrored) == (2, mirrored)
        assert error(*found) < 2e-5


@pytest.mark.parametrize("graph", ["complete", "in a box"])
def test_forces_and_their_training(graph, monkeypatch):
    calls = Calls(monkeypatch)
    model = eqnorm.create_model("nequip", layers=2, hidden=4, cutoff=2.5, energy=True)
    x = torch.rand(9, 3) * 4
    box = 4.0 * torch.eye(3)
    g = Graph.complete(1, 9) if graph == "complete" else Graph.radius(x, 2.5, box=box)
    found = []
    for on, dtype in ((True, torch.float32), (False, torch.float64)):
        model = model.to(dtype)
        model.zero_grad()
        with switched(on):
            energy, forces, _ = model.energy_and_forces(x.to(dtype), g)
            (energy.square().sum() + forces.square().sum()).backward()
        grads = [p.grad for p in model.parameters() if p.numel() and p.grad is not None]
        found.append([energy.detach(), forces.detach(), *grads])
    assert calls.count > 0
    assert error(*found) < 2e-4


def test_symmetries_hold(monkeypatch):
    model, calls = eqnorm.create_model("tfn", layers=2, hidden=2), Calls(monkeypatch)
    assert_equivariant(
        lambda pos, graph: model(pos, graph).x,
        inputs={"pos": "points", "graph": "graph"},
        output="points",
        group="E3",
        dtype=torch.float32,
        max_examples=8,
    )
    assert calls.count > 8
    assert native.native_available("conv")

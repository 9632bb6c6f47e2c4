"""The compiled path of `egnn` and `egnn_vel` gives what torch gives, and runs where it can."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled import edge_calls
from tests.adapters.native.egnn_case import (
    GRAPHS,
    OPTIONS,
    Calls,
    assert_kernel_equivariant,
    build,
    error,
    inputs,
    results,
)

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
def test_values_and_gradients_are_those_of_torch(name, options, graph, monkeypatch):
    if graph == "periodic" and "norm" in OPTIONS[options]:
        options = "plain"  # GeoNorm has no meaning in a box
    model, g = build(name, **OPTIONS[options]), GRAPHS[graph]()
    given = inputs(model, g)
    calls = Calls(monkeypatch)
    ours, plain, exact = (
        results(model, g, given, on, double)
        for on, double in ((True, False), (False, False), (False, True))
    )
    assert calls.count == (0 if graph == "alone" else 2)
    for k in range(2):
        assert error(ours[k], exact[k]) <= 3 * error(plain[k], exact[k]) + 1e-6


@pytest.mark.parametrize("hidden", [1, 5, 16, 40, 64, 128])
def test_any_number_of_channels(hidden):
    model, graph = build(hidden=hidden), Graph.complete(3, 6)
    given = inputs(model, graph)
    ours, exact = results(model, graph, given, True), results(model, graph, given, False, True)
    assert error(ours[0] + ours[1], exact[0] + exact[1]) < 3e-6


@pytest.mark.parametrize("graph", ["complete", "ragged", "in no order"])
def test_threads_share_the_work_and_add_up_in_one_order(graph):
    many = {
        "complete": lambda: Graph.complete(3, 20),
        "ragged": lambda: Graph.complete(num_nodes=[30, 9, 20]),
        "in no order": _scrambled,
    }[graph]()
    model = build(hidden=64)
    given = inputs(model, many)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 3):
            torch.set_num_threads(threads)
            values, gradients = results(model, many, given, True)
            found.append(values + gradients)
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert error(other, found[0]) < 2e-6
    assert all(torch.equal(p, q) for p, q in zip(found[2], found[3], strict=True))


def _scrambled() -> Graph:
    graph = Graph.complete(1, 30)
    return Graph.from_edges(graph.edge_index[:, torch.randperm(graph.num_edges)], num_nodes=30)


@pytest.mark.parametrize("graph", ["complete", "in no order"])
def test_second_derivatives(graph):
    """Forces from an energy, and the gradient of their error."""
    model, g = build(attention=True, tanh=True), GRAPHS[graph]()
    given = inputs(model, g)

    def second(on, dtype):
        native.use_native(on)
        own = build(attention=True, tanh=True).to(dtype)
        own.load_state_dict({k: v.to(dtype) for k, v in model.state_dict().items()})
        x = given["x"].to(dtype, copy=True).requires_grad_()
        rest = {k: v.to(dtype) for k, v in given.items() if k != "x"}
        out = own(x, g, **rest)
        (force,) = torch.autograd.grad(
            out.h.sin().sum() + out.x.square().sum(), x, create_graph=True
        )
        force.square().sum().backward()
        native.use_native(True)
        return [x.grad, *(p.grad for p in own.parameters() if p.grad is not None)]

    assert error(second(True, torch.float32), second(False, torch.float64)) < 1e-5


def test_gradients_where_one_input_is_made_from_another():
    model, graph = build(), Graph.complete(2, 4)
    layer, h, x = model.layers[0], torch.randn(8, 16), torch.randn(8, 3)
    e = torch.randn(graph.num_edges, 2)

    def run(on, dtype):
        native.use_native(on)
        start = x.to(dtype, copy=True).requires_grad_()
        features = h.to(dtype) + start.sum(-1, keepdim=True)
        moved, _, _ = layer.to(dtype)(start, features, graph, e.to(dtype), start, start, start)
        (first,) = torch.autograd.grad(moved.square().sum(), start, create_graph=True)
        (again,) = torch.autograd.grad(first.square().sum(), start)
        native.use_native(True)
        return [first.detach(), again]

    ours = run(True, torch.float32)
    assert error(ours, run(False, torch.float64)) < 1e-5
    layer.float()


def test_bfloat16_products_only_by_name_and_only_so_wrong():
    graph = Graph.complete(3, 20)
    full, half = build(hidden=64), build(hidden=64, products="bfloat16")
    half.load_state_dict(full.state_dict())
    given = inputs(full, graph)
    exact = results(full, graph, given, False, True)
    assert error(results(full, graph, given, True)[1], exact[1]) < 2e-6
    wrong = error(results(half, graph, given, True)[1], exact[1])
    if edge_calls.has_bfloat16():
        assert 1e-5 < wrong < 2e-2
    else:
        assert wrong < 2e-6
    with pytest.raises(ValueError, match="products must be 'float32' or 'bfloat16', got 'half'"):
        build(products="half")


def test_where_it_does_not_apply(monkeypatch):
    """Nothing is computed differently from what the modules say: torch takes over."""
    graph = Graph.complete(2, 4)
    calls = Calls(monkeypatch)

    def used(model, change=lambda model: None, given=None) -> bool:
        change(model)
        given = inputs(model, graph) if given is None else given
        calls.count = 0
        model(graph=graph, **given)
        return calls.count > 0

    assert used(build())
    assert not used(build(activation="relu"))
    double = build().double()
    assert not used(double, given={k: v.double() for k, v in inputs(double, graph).items()})
    seen = []
    hook = lambda *_: seen.append(1)  # noqa: E731
    for layer in (lambda m: m.layers[0].edge_mlp[2], lambda m: m.layers[0].coord_mlp):
        model = build(layers=1)
        assert not used(model, lambda m, layer=layer: layer(m).register_forward_hook(hook))
    assert len(seen) == 2

    class Other(nn.Linear):
        pass

    model = build(layers=1)
    assert not used(model, lambda m: m.layers[0].edge_mlp.__setitem__(2, Other(16, 16)))
    with torch.autocast("cpu", torch.bfloat16):
        assert not used(build())
    native.use_native(False)
    assert not used(build())
    native.use_native(True)


def test_torch_func(monkeypatch):
    graph, models = Graph.complete(2, 4), [build(), build()]
    given = inputs(models[0], graph)
    parameters, _ = stack_module_state(models)
    together = vmap(lambda p: functional_call(models[0], p, (), {"graph": graph, **given}).x)(
        parameters
    )
    for out, model in zip(together, models, strict=True):
        torch.testing.assert_close(out, model(graph=graph, **given).x, rtol=1e-4, atol=1e-5)
    x = given.pop("x")
    energy = lambda x: models[0](x, graph, **given).h.sum()  # noqa: E731
    by_func = torch.func.grad(energy)(x)
    (by_autograd,) = torch.autograd.grad(energy(x.requires_grad_()), x)
    torch.testing.assert_close(by_func, by_autograd, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", list(OPTIONS))
def test_symmetries_hold(options, monkeypatch):
    model = build(**{**OPTIONS[options], "edge_dim": 0}, norm_last=True)
    assert_kernel_equivariant(model, monkeypatch)


def test_errors_and_infinities():
    model = build()
    edges = torch.tensor([[0, 99], [1, 0]])
    graph = Graph.from_edges(edges, num_nodes=3, validate=False)
    with pytest.raises(IndexError, match=r"an edge joins a node outside of 0\.\.2"):
        model(torch.randn(3, 3), graph)
    graph = Graph.complete(1, 3)
    with torch.no_grad():
        model.layers[0].edge_mlp[0].bias[3] = torch.nan
    assert bool(model(torch.randn(3, 3), graph).x.isnan().all())
    with torch.no_grad():
        model.layers[0].edge_mlp[0].bias[3] = 1e30
    out = model(torch.randn(3, 3), graph)
    native.use_native(False)
    assert bool(out.x.isfinite().all() == model(torch.randn(3, 3), graph).x.isfinite().all())
    native.use_native(True)


def test_turning_it_off_between_forward_and_backward():
    model, graph = build(), Graph.complete(2, 4)
    given = inputs(model, graph)
    expected = results(model, graph, given, True)[1][-1]
    model.zero_grad()
    out = model(graph=graph, **given)
    native.use_native(False)
    (out.x.square().sum() + out.h.sin().sum()).backward()
    native.use_native(True)
    torch.testing.assert_close(list(model.parameters())[-1].grad, expected)

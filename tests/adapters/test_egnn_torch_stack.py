"""All layers of an EGNN in torch as one function: the same as layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from eqnorm import Graph
from eqnorm_adapters._egnn import stack
from eqnorm_adapters._egnn.in_torch import stack as in_torch
from tests.adapters.egnn_case import build, gradients, inputs
from tests.adapters.test_egnn_torch import GRAPHS, compare, derivatives

pytestmark = pytest.mark.usefixtures("torch_alone")


@pytest.fixture
def calls(monkeypatch):
    """One entry for each layer of every call for all of them."""
    found = []
    real = in_torch.run

    def counted(*given):
        found.append(1)
        return real(*given)

    monkeypatch.setattr(in_torch, "run", counted)
    return found


def layer_by_layer(monkeypatch):
    monkeypatch.setattr(stack, "stack_in_torch", lambda *_: None)


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
def test_the_same_as_layer_by_layer(name, layers, graph, calls, monkeypatch):
    how = {"message_aggregation": "mean", "coord_aggregation": "sqrt", "coords_weight": 0.7}
    model, g = build(name, layers=layers, **how), GRAPHS[graph]()
    with torch.no_grad():  # derivatives of four layers grow beyond what numbers hold
        for parameter in model.parameters():
            parameter.mul_(0.5)
    given = inputs(model, g)
    found = derivatives(model, given, g)
    assert len(calls) == layers
    layer_by_layer(monkeypatch)
    compare(found, derivatives(model, given, g))
    assert len(calls) == layers


def test_layers_may_differ(calls, monkeypatch):
    model, graph = build("egnn_vel", layers=3), Graph.complete(2, 5)
    model.layers[1].coords_weight = 3.0
    model.layers[1].residual = False
    model.layers[2].message_aggregation = "mean"
    given = inputs(model, graph)
    found = gradients(model, given, graph)
    assert len(calls) == 3
    layer_by_layer(monkeypatch)
    compare(found, gradients(model, given, graph))


@pytest.mark.parametrize("output", ["x", "h"])
@pytest.mark.parametrize("wanted", ["x", "v", "h", "edge_attr", None])
def test_some_gradients_only(output, wanted, calls, monkeypatch):
    model, graph = build("egnn_vel"), Graph.complete(2, 5)
    given = inputs(model, graph)
    model.requires_grad_(False)
    if wanted is None:
        leaf = model.layers[0].edge_mlp[2].weight.requires_grad_()
    else:
        leaf = given[wanted].requires_grad_()

    def gradient():
        out = getattr(model(graph=graph, **given), output)
        return torch.autograd.grad(out.square().sum(), leaf)

    found = gradient()
    assert calls
    layer_by_layer(monkeypatch)
    compare(found, gradient())


def test_a_graph_gone_through_twice():
    model, graph = build("egnn_vel"), Graph.complete(3, 6)
    loss = model(graph=graph, **inputs(model, graph)).x.square().sum()
    parameters = list(model.layers[0].parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    second = torch.autograd.grad(loss, parameters)
    assert all(torch.equal(p, q) for p, q in zip(first, second, strict=True))


def test_the_last_update_of_features_has_no_gradient_without_features():
    model, graph = build("egnn_vel"), Graph.complete(2, 5)
    model(graph=graph, **inputs(model, graph)).x.sum().backward()
    assert all(p.grad is None for p in model.layers[-1].node_mlp.parameters())
    assert all(p.grad is not None for p in model.layers[0].parameters())


def test_no_argument_is_written_into():
    model, graph = build("egnn_vel"), Graph.complete(2, 5)
    given = inputs(model, graph)
    before = {name: value.clone() for name, value in given.items()}
    model(graph=graph, **given)
    assert all(torch.equal(given[name], value) for name, value in before.items())


def test_where_it_does_not_apply(calls):
    graph = Graph.complete(2, 5)

    def used(change=lambda model: None, **options) -> bool:
        model = build("egnn_vel", **options)
        change(model)
        calls.clear()
        model(graph=graph, **inputs(model, graph))
        return bool(calls)

    assert used()
    assert used(tanh=True)
    for slot in ("edge_norm", "message_norm"):
        assert not used(**{slot: "identity"})
    assert not used(feature_norm="graphnorm")
    for options in ({"velocity_update": True}, {"attention": True}, {"activation": "relu"}):
        assert not used(**options)
    seen = []
    hook = lambda *_: seen.append(1)  # noqa: E731
    places = ["layers.1", "layers.1.node_mlp", "layers.0.coord_mlp_vel.0", "layers.0.edge_mlp"]
    for number, place in enumerate(places, 1):
        assert not used(lambda model, at=place: model.get_submodule(at).register_forward_hook(hook))
        assert len(seen) == number
    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        assert not used()
    finally:
        handle.remove()


@pytest.mark.parametrize("options", [{}, {"update_norm": "softcap"}, {"edge_norm": "unit"}])
def test_gradients_called_for_in_autocast(options):
    model, graph = build("egnn_vel", torch.float32, **options), Graph.complete(2, 5)
    given, parameters = inputs(model, graph, torch.float32), list(model.layers.parameters())

    def found():
        loss = model(graph=graph, **given).x.square().sum()
        return lambda: torch.autograd.grad(loss, parameters, allow_unused=True)

    expected = found()()
    gradients = found()
    with torch.autocast("cpu", torch.bfloat16):
        ours = gradients()
    for one, other in zip(ours, expected, strict=True):
        assert one is other is None or torch.equal(one, other)

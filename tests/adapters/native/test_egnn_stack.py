"""All layers of an EGNN in one compiled call: as layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn import stack
from eqnorm_adapters._egnn.compiled import calls as kernel
from eqnorm_adapters._egnn.compiled import in_one
from tests.adapters.native.egnn_case import GRAPHS, Calls, build, error, inputs, results

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture
def calls(monkeypatch):
    """The number of layers of every call for more than updates."""
    found = []
    real = in_one.forward

    def counted(flat, settings, slots):
        if not settings.update:
            found.append(len(flat) // kernel.PARAMETERS)
        return real(flat, settings, slots)

    monkeypatch.setattr(in_one, "forward", counted)
    return found


@pytest.mark.parametrize("graph", [name for name in GRAPHS if name != "alone"])
@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
def test_the_same_as_layer_by_layer(name, layers, graph, calls, monkeypatch):
    how = {"message_aggregation": "mean", "coord_aggregation": "sqrt", "coords_weight": 0.7}
    model, g = build(name, layers=layers, **how), GRAPHS[graph]()
    given = inputs(model, g)
    ours = results(model, g, given, True)
    assert calls == [layers]
    monkeypatch.setattr(stack, "stack_in_one", lambda *_: None)
    single = results(model, g, given, True)
    assert calls == [layers]
    for k in range(2):
        assert error(ours[k], single[k]) < 1e-5


@pytest.mark.parametrize("output", ["x", "h"])
@pytest.mark.parametrize("wanted", ["x", "v", "h", "edge_attr", None])
def test_some_gradients_only(output, wanted, calls, monkeypatch):
    model, graph = build(), Graph.complete(2, 5)
    given = inputs(model, graph)
    if wanted is None:
        leaves = [model.layers[0].edge_mlp[2].weight]
        model.requires_grad_(False)
        leaves[0].requires_grad_()
    else:
        model.requires_grad_(False)
        leaves = [given[wanted].requires_grad_()]

    def gradients():
        out = getattr(model(graph=graph, **given), output)
        return torch.autograd.grad(out.square().sum(), leaves)

    ours = gradients()
    assert len(calls) == 1
    monkeypatch.setattr(stack, "stack_in_one", lambda *_: None)
    assert error(list(ours), list(gradients())) < 1e-5


def test_the_last_update_of_features_has_no_gradient_without_features():
    model, graph = build(), Graph.complete(2, 5)
    model(graph=graph, **inputs(model, graph)).x.sum().backward()
    assert all(p.grad is None for p in model.layers[-1].node_mlp.parameters())
    assert all(p.grad is not None for p in model.layers[0].parameters())


def test_where_it_does_not_apply(calls):
    graph = Graph.complete(2, 5)

    def used(change=lambda model: None, **options) -> bool:
        model = build(**options)
        change(model)
        calls.clear()
        model(graph=graph, **inputs(model, graph))
        return bool(calls)

    assert used()
    assert used(edge_dim=0, attention=True, tanh=True)
    for slot in ("edge_norm", "message_norm"):
        assert not used(**{slot: "layernorm"})
    assert not used(feature_norm="graphnorm")
    assert not used(velocity_update=True)
    assert not used(hidden=20)
    seen = []
    hook = lambda *_: seen.append(1)  # noqa: E731
    assert not used(lambda model: model.layers[1].register_forward_hook(hook))
    assert len(seen) == 1
    assert not used(lambda model: model.layers[1].node_mlp.register_forward_hook(hook))
    assert len(seen) == 2

    class Other(nn.Module):
        """What someone has put in place of a layer."""

        def forward(self, x, h, graph, edge_attr, velocity, x0, v0):
            return x, h, velocity

    assert not used(lambda model: model.layers.__setitem__(1, Other()))
    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        assert not used()
    finally:
        handle.remove()


def test_layers_that_differ_are_compiled_one_by_one(calls, monkeypatch):
    model, graph = build(layers=3), Graph.complete(2, 5)
    model.layers[1].coords_weight = 3.0
    kernel = Calls(monkeypatch)
    given = inputs(model, graph)
    out = model(graph=graph, **given).x.detach()
    assert not calls
    assert kernel.count == 3
    monkeypatch.setattr(native._library, "_wanted", False)
    expected = model(graph=graph, **given).x.detach()
    assert kernel.count == 3
    assert error([out], [expected]) < 1e-5

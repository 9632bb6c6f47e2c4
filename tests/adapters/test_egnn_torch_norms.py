"""Norms within the one function of all layers in torch: the same as called one by one."""

from __future__ import annotations

import pytest
import torch

from eqnorm import Graph
from eqnorm_adapters._egnn.in_torch import norms, stack
from tests.adapters.egnn_case import build, gradients, inputs
from tests.adapters.norms_case import CHOICES, apart, gradients_or_zeros, with_loops
from tests.adapters.test_egnn_torch import GRAPHS, compare, derivatives

pytestmark = [pytest.mark.usefixtures("torch_alone"), with_loops]


@pytest.fixture
def calls(monkeypatch):
    """One entry for each norm within the function."""
    found = []

    def counted(pair, *given):
        if pair[0] is not None:
            found.append(1)
        return norms.normed(pair, *given)

    monkeypatch.setattr(stack, "normed", counted)
    return found


@pytest.mark.parametrize("norm_last", [False, True])
@pytest.mark.parametrize("graph", [name for name in GRAPHS if name != "periodic"])
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
@pytest.mark.parametrize("choice", CHOICES)
def test_values_and_gradients(choice, name, graph, norm_last, calls):
    options = CHOICES[choice]
    model = build(name, layers=3, norm_last=norm_last, **options)
    g = GRAPHS[graph]()
    given = inputs(model, g)
    found = gradients(model, given, g)
    assert len(calls) == 3 * len(options) - ("norm" in options and not norm_last)
    expected = apart(lambda: gradients(model, given, g))
    for ours, theirs in zip(found, expected, strict=True):
        if theirs is None:
            assert ours is None or not ours.any()
        elif ours is None or not theirs.numel():
            assert not theirs.any()
        else:
            scale = 1 + theirs.abs().max()
            torch.testing.assert_close(ours / scale, theirs / scale, rtol=0, atol=1e-11)


@pytest.mark.parametrize("choice", ["geofilm", "system", "layernorm", "rms_film", "both"])
def test_second_derivatives(choice, calls):
    model, graph = build("egnn_vel", norm_last=True, **CHOICES[choice]), Graph.complete(2, 5)
    given = inputs(model, graph)
    found = derivatives(model, given, graph)
    assert calls
    compare(found, apart(lambda: derivatives(model, given, graph)))


@pytest.mark.parametrize("output", ["x", "h"])
@pytest.mark.parametrize("wanted", ["x", "v", "h", "edge_attr", "parameters"])
def test_some_gradients_only(wanted, output, calls):
    model, graph = build("egnn_vel", norm_last=True, **CHOICES["both"]), Graph.complete(2, 5)
    given = inputs(model, graph)
    if wanted == "parameters":
        leaves = list(model.parameters())
    else:
        model.requires_grad_(False)
        leaves = [given[wanted].requires_grad_()]

    def one():
        out = getattr(model(graph=graph, **given), output)
        return gradients_or_zeros(out.square().sum(), leaves)

    found = one()
    assert len(calls) == 4
    compare(found, apart(one))


def test_gone_through_twice():
    model, graph = build("egnn_vel", norm_last=True, **CHOICES["both"]), Graph.complete(2, 5)
    out = model(graph=graph, **inputs(model, graph))
    loss, parameters = out.x.square().sum() + out.h.sum(), list(model.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    second = torch.autograd.grad(loss, parameters)
    assert all(torch.equal(p, q) for p, q in zip(first, second, strict=True))


def test_no_argument_is_written_into():
    model, graph = build("egnn_vel", norm_last=True, **CHOICES["both"]), Graph.complete(2, 5)
    given = inputs(model, graph)
    before = {name: value.clone() for name, value in given.items()}
    model(graph=graph, **given)
    assert all(torch.equal(given[name], value) for name, value in before.items())


def test_float32_and_what_must_be_called(calls):
    graph = Graph.complete(2, 5)

    def used(change=lambda model: None, dtype=torch.float32, **options) -> bool:
        model = build("egnn_vel", dtype, norm_last=True, **options)
        change(model)
        calls.clear()
        model(graph=graph, **inputs(model, graph, dtype))
        return bool(calls)

    assert used(norm="geonorm")
    assert not used(norm=("geonorm", {"faithful": True}))
    assert not used(lambda model: model.layers[0].norm.double(), norm="geonorm")
    hook = lambda *_: None  # noqa: E731
    assert not used(lambda model: model.layers[1].norm.register_forward_hook(hook), norm="geonorm")
    assert not used(norm="identity")

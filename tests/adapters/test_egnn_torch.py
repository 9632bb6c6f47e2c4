"""A layer of an EGNN as one function in torch: against its modules, and against differences."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled import path as egnn_path
from eqnorm_adapters._egnn.in_torch import blocks, edges
from eqnorm_adapters._egnn.in_torch.path import layer_in_torch
from tests.adapters.egnn_case import (
    NORMED,
    assert_hooks_are_called,
    build,
    gradients,
    inputs,
    listed,
)

pytestmark = pytest.mark.usefixtures("torch_alone")

GRAPHS = {
    "complete": lambda: Graph.complete(2, 4),
    "list": lambda: Graph.from_edges(torch.tensor([[0, 2, 3, 1, 2], [1, 1, 0, 3, 0]]), num_nodes=5),
    "periodic": lambda: Graph.radius(
        torch.rand(5, 3, dtype=torch.float64), 0.6, box=torch.eye(3, dtype=torch.float64)
    ),
}
OPTIONS = {
    "plain": {},
    "bounded means": {"tanh": True, "message_aggregation": "mean", "coord_aggregation": "sqrt"},
    "norms": {slot: norm for slot, norm in NORMED.items() if slot != "norm"},
    "no edge features": {"edge_dim": 0, "residual": True, "coords_weight": 0.5},
}


@pytest.fixture
def taken(monkeypatch):
    """Whether the function is used, for every time that is asked for."""
    answers = []
    ask = egnn_path.parameters_in_torch

    def counted(*given):
        answers.append((found := ask(*given)) is not None)
        return found

    monkeypatch.setattr("eqnorm_adapters._egnn.in_torch.path.parameters_in_torch", counted)
    return answers


def without(monkeypatch):
    monkeypatch.setattr("eqnorm_adapters._egnn.in_torch.path.parameters_in_torch", lambda *_: None)


def compare(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def given_for(model, graph):
    given = inputs(model, graph)
    return given if model.edge_dim else {**given, "edge_attr": None}


def derivatives(model, given, graph):
    """Values, gradients of everything, and gradients of the length of these."""
    given = {k: None if t is None else t.clone().requires_grad_() for k, t in given.items()}
    leaves = [t for t in given.values() if t is not None] + list(model.parameters())
    out = model(graph=graph, **given)
    first = torch.autograd.grad(
        out.x.pow(2).sum() + out.h.sin().sum(), leaves, create_graph=True, allow_unused=True
    )
    length = sum(g.square().sum() for g in first if g is not None)
    second = torch.autograd.grad(length, leaves, allow_unused=True)
    return [out.x, out.h, *first, *second]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
def test_values_gradients_and_second_derivatives_of_modules(
    name, graph, options, taken, monkeypatch
):
    g, model = GRAPHS[graph](), build(name, **OPTIONS[options])
    given = given_for(model, g)
    found = derivatives(model, given, g)
    assert taken == [True, True]
    without(monkeypatch)
    compare(found, derivatives(model, given, g))


@pytest.mark.parametrize("many", [0, 1 << 23], ids=["made again", "kept"])
@pytest.mark.parametrize("block", [1, 50, 1 << 18])
@pytest.mark.parametrize("graph", ["complete", "list"])
def test_gradients_by_hand_block_by_block(graph, block, many, taken, monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK", block)
    monkeypatch.setattr(edges, "_MANY", many)
    g = Graph.complete(3, 5)
    g = listed(g) if graph == "list" else g
    model = build("egnn_vel", residual=True)
    given = inputs(model, g)
    found = gradients(model, given, g)
    with torch.no_grad():
        bare = model(graph=g, **given)
    assert taken == [True] * 4
    # To the last bit: a checker takes other numbers for hidden state.
    assert torch.equal(bare.x, found[0])
    assert torch.equal(bare.h, found[1])
    without(monkeypatch)
    compare(found, gradients(model, given, g))


@pytest.mark.parametrize("many", [0, 1 << 23], ids=["made again", "kept"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_derivatives_are_those_of_differences(graph, many, monkeypatch):
    monkeypatch.setattr(edges, "_MANY", many)
    g = GRAPHS[graph]()
    (layer,) = build("egnn_vel", layers=1, hidden=3).layers
    given = [torch.randn(g.num_nodes, n, dtype=torch.float64) for n in (3, 3, 3)]
    given.append(torch.randn(g.num_edges, 1, dtype=torch.float64))
    for tensor in given:
        tensor.requires_grad_()

    def run(x, h, v, e):
        update, features, _ = layer_in_torch(layer, x, h, g, e, v)
        return update, features

    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given)
    for output in (0, 1):  # gradients that reach one of them alone
        assert torch.autograd.gradcheck(lambda *t: run(*t)[output], given)  # noqa: B023


@pytest.mark.parametrize("part", ["node_mlp", "coord_mlp_vel"])
def test_hooked_networks_of_nodes_stay_modules(part, taken, monkeypatch):
    model, g = build("egnn_vel", layers=1), Graph.complete(2, 4)
    getattr(model.layers[0], part)[1].register_forward_hook(lambda _m, _i, out: 2 * out)
    given = inputs(model, g)
    found = gradients(model, given, g)
    assert set(taken) == {True}
    without(monkeypatch)
    compare(found, gradients(model, given, g))


@pytest.mark.parametrize(
    "options", [{"activation": "relu"}, {"attention": True}, {"dtype": torch.bfloat16}], ids=str
)
def test_what_modules_do(options, taken):
    model, g = build("egnn_vel", **options), Graph.complete(2, 4)
    model(graph=g, **inputs(model, g, options.get("dtype", torch.float64)))
    assert set(taken) == {False}


def test_autocast_is_for_modules(taken):
    model, g = build("egnn_vel", dtype=torch.float32), Graph.complete(2, 4)
    with torch.autocast("cpu", torch.bfloat16):
        model(graph=g, **inputs(model, g, torch.float32))
    assert set(taken) == {False}


def test_edges_of_a_graph_are_looked_up_once():
    graph = Graph.complete(2, 4)
    place = blocks.whole(graph)
    assert place is blocks.whole(graph)
    assert torch.equal(place.senders, graph.senders)
    assert torch.equal(place.receivers, graph.receivers)
    assert blocks.whole(listed(graph)).degree is None


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("part", ["edge_mlp", "coord_mlp", "node_mlp", "coord_mlp_vel"])
def test_hooks_of_networks_are_called(part, compiled, monkeypatch):
    monkeypatch.setattr(native._library, "_wanted", compiled)
    model = eqnorm.create_model("egnn_vel", hidden=16, layers=1)
    graph = Graph.complete(num_nodes=[3, 4])
    given = (torch.randn(7, 3), graph, None, torch.randn(7, 3))
    assert_hooks_are_called(model, getattr(model.layers[0], part), *given)

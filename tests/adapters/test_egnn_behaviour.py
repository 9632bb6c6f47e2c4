"""How `egnn` and `egnn_vel` behave: layouts, batches, degenerate input, defaults."""

from __future__ import annotations

import pickle

import pytest
import torch

from eqnorm import Graph
from tests.adapters.egnn_case import NAMES, NORMED, build, gradients, inputs, listed
from tests.adapters.robust_case import each_graph_alone


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("options", [{}, {"attention": True, "coord_aggregation": "sqrt"}, NORMED])
@pytest.mark.parametrize("name", NAMES)
def test_both_layouts_give_the_same_values_and_gradients(name, options, size):
    model, graph = build(name, **options), Graph.complete(3, size)
    given = inputs(model, graph)
    dense, edge_list = (gradients(model, given, g) for g in (graph, listed(graph)))
    for ours, theirs in zip(dense, edge_list, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert bool(ours.isfinite().all())
            torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_a_ragged_batch_equals_its_graphs_alone(name):
    model = build(name, **NORMED)
    each_graph_alone(model, [1, 4, 2, 5], lambda graph: inputs(model, graph))


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_without_edges(name):
    model, graph = build(name), Graph.from_batch(torch.tensor([0, 0, 1]))
    out = model(graph=graph, **inputs(model, graph))
    assert bool(out.x.isfinite().all())
    assert bool(out.h.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_all_at_one_place_and_at_rest(name):
    for options in ({}, NORMED):
        model, graph = build(name, **options), Graph.complete(2, 3)
        given = inputs(model, graph)
        zeros = {key: torch.zeros_like(value) for key, value in given.items()}
        for value in gradients(model, zeros, graph):
            assert value is None or bool(value.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_ones_and_zeros(name):
    model, graph = build(name), Graph.complete(2, 3)
    x = torch.randn(6, 3).double()
    given = inputs(model, graph)
    spelled = {key: torch.zeros_like(value) for key, value in given.items()}
    spelled |= {"x": x, "h": torch.ones(6, 2).double()}
    assert torch.equal(model(x, graph).x, model(graph=graph, **spelled).x)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_not_written_into(name):
    model = build(name, velocity_update=True) if name == "egnn_vel" else build(name)
    for graph in (Graph.complete(2, 3), listed(Graph.complete(2, 3))):
        given = inputs(model, graph)
        before = {key: value.clone() for key, value in given.items()}
        out = model(graph=graph, **given)
        assert all(torch.equal(given[key], before[key]) for key in given)
        assert all(value._version == 0 for value in given.values())
        assert out.x.data_ptr() != given["x"].data_ptr()


def test_velocities_come_out():
    graph = Graph.complete(2, 3)
    model = build("egnn_vel")
    given = inputs(model, graph)
    assert torch.equal(model(graph=graph, **given).v, given["v"])
    one = build("egnn_vel", layers=1, velocity_update=True)
    out = one(graph=graph, **given)
    torch.testing.assert_close(out.v, out.x - given["x"])
    assert build("egnn")(given["x"], graph).v is None


def test_models_pickled_when_the_factor_was_a_number():
    model, graph = build("egnn", coords_weight=0.5), Graph.complete(2, 3)
    given = inputs(model, graph)
    for layer in model.layers:
        layer.__dict__.pop("_coords_weight", None)
        layer.__dict__["coords_weight"] = 0.5
    loaded = pickle.loads(pickle.dumps(model))
    assert torch.equal(loaded(graph=graph, **given).x, model(graph=graph, **given).x)
    assert loaded.layers[0].coords_weight == 0.5
    loaded.layers[0].coords_weight = 2
    assert loaded.layers[0].coords_weight == 2.0
    assert not torch.equal(loaded(graph=graph, **given).x, model(graph=graph, **given).x)

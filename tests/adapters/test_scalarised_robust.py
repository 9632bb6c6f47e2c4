"""All backbones but EGNN and `tfn`: degenerate input, precision, compilation, copies."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.adapters.robust_case import DEGENERATE
from tests.adapters.scalarised_case import IRREPS, NAMED, assert_finite, build, close, every, inputs
from tests.fake_cuda import fake_cuda


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_input_is_finite(name: str, dtype: torch.dtype) -> None:
    model, graph = build(name, dtype), Graph.complete(1, 5)
    for case, degenerate in DEGENERATE.items():
        given = inputs(graph, dtype)
        given["x"] = degenerate(given["x"])
        if case in ("zeros", "coincident"):
            given |= {"h": given["h"] * 0, "v": given["v"] * 0}
        assert_finite(model, graph, given)


@every
@pytest.mark.parametrize("edges", [False, True])
def test_one_node_and_no_edges(name: str, edges: bool) -> None:
    graph = Graph.complete(1, 1) if edges else Graph.from_batch(torch.zeros(3, dtype=torch.long))
    for still in (False, True):
        given = inputs(graph)
        given["v"] = given["v"] * (0 if still else 1)
        out = assert_finite(build(name), graph, given)
        assert out.h.shape == (graph.num_nodes, eqnorm.parse_type(IRREPS[name]).dim)


@every
def test_compiles_as_one_graph(name: str) -> None:
    torch._dynamo.reset()
    model, graph = build(name, layers=1, norm="geonorm", norm_last=True), Graph.complete(2, 4)
    given = inputs(graph)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    expected, found = model(graph=graph, **given), compiled(graph=graph, **given)
    close(found.x, expected.x, 1e-13)
    (found.x.sum() + found.h.sum()).backward()


@every
def test_runs_where_the_parameters_are(name: str) -> None:
    there = build(name, torch.float32, norm="geonorm")
    with fake_cuda() as cuda:
        there = there.to(cuda)
        graph = Graph.complete(2, 4).to(cuda)
        given = {key: value.to(cuda) for key, value in inputs(Graph.complete(2, 4)).items()}
        out = there(graph=graph, **{key: value.float() for key, value in given.items()})
        assert out.x.device == cuda
        assert out.h.device == cuda


@every
def test_bfloat16_autocast(name: str) -> None:
    model, graph = build(name, torch.float32, **NAMED), Graph.complete(2, 4)
    given = inputs(graph, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(graph=graph, **given)
    expected = model(graph=graph, **given)
    assert out.x.dtype == torch.float32
    close(out.x, expected.x, 0.1)


@every
def test_copies_state_and_pickles(name: str) -> None:
    model, graph = build(name), Graph.complete(1, 4)
    given = inputs(graph)
    before = {key: value.clone() for key, value in given.items()}
    expected = model(graph=graph, **given).x
    other = build(name)
    other.load_state_dict(model.state_dict())
    buffer = io.BytesIO(pickle.dumps(model))
    for same in (other, copy.deepcopy(model), pickle.load(buffer)):
        assert torch.equal(same(graph=graph, **given).x, expected)
    assert all(torch.equal(given[key], before[key]) for key in given)


@every
def test_centring_far_from_the_origin_loses_nothing(name: str) -> None:
    model, graph = build(name, torch.float32, center=True), Graph.complete(2, 4)
    given = inputs(graph, torch.float32)
    near, far = given["x"].double(), given["x"].double() + 1e4
    rest = {key: value for key, value in given.items() if key != "x"}
    close(model(x=far, graph=graph, **rest).x - 1e4, model(x=near, graph=graph, **rest).x, 1e-5)


@every
def test_a_fresh_model_hardly_moves_anything(name: str) -> None:
    torch.manual_seed(0)
    model, graph = eqnorm.create_model(name, hidden=32, layers=4), Graph.complete(2, 20)
    x = torch.randn(40, 3)
    out = model(x, graph)
    assert (out.x - x).abs().max() < 1
    assert out.h.abs().max() < 1e5

"""Tensor field network: degenerate input, compilation, devices, half precision, copies."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

import eqnorm
from eqnorm import Graph, ModelOutput
from tests.adapters.robust_case import DEGENERATE
from tests.adapters.tfn_case import build, close, inputs
from tests.fake_cuda import fake_cuda


@pytest.mark.parametrize("cutoff", [None, 2.0])
@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_input_is_finite(dtype: torch.dtype, case: str, cutoff: float | None) -> None:
    model, graph = build(dtype, cutoff=cutoff), Graph.complete(1, 5)
    given = inputs(graph, dtype)
    given["x"] = DEGENERATE[case](given["x"]).requires_grad_()
    if case == "zeros":
        given |= {"h": given["h"] * 0, "v": given["v"] * 0}
    out = model(graph=graph, **given)
    (out.x.square().sum() + out.h.square().sum()).backward()
    leaves = [given["x"].grad, *(parameter.grad for parameter in model.parameters())]
    for tensor in (out.x, out.h, *leaves):
        assert tensor is not None
        assert tensor.isfinite().all()


@pytest.mark.parametrize("edges", [False, True])
def test_one_node_and_no_edges(edges: bool) -> None:
    graph = Graph.complete(1, 1) if edges else Graph.from_batch(torch.zeros(3, dtype=torch.long))
    given = inputs(graph)
    out = build()(graph=graph, **given)
    assert out.x.isfinite().all()
    assert out.h.shape == (graph.num_nodes, 36)


def test_missing_inputs_are_ones_and_zeros() -> None:
    graph, model = Graph.complete(1, 4), build()
    given = inputs(graph)
    x = given["x"]
    full = model(x, graph, torch.ones_like(given["h"]), x * 0, torch.zeros_like(given["edge_attr"]))
    assert torch.equal(model(x, graph).x, full.x)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiles_as_one_graph(backend: str) -> None:
    model, graph = build(layers=1, lmax=1, norm="geonorm", norm_last=True), Graph.complete(2, 4)
    given = inputs(graph)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    expected, found = model(graph=graph, **given), compiled(graph=graph, **given)
    close(found.x, expected.x, 1e-13)
    (found.x.sum() + found.h.sum()).backward()


def test_runs_where_the_parameters_are() -> None:
    there = build(torch.float32, norm="geonorm", cutoff=3.0)
    with fake_cuda() as cuda:
        there = there.to(cuda)
        graph = Graph.complete(2, 4).to(cuda)
        given = {key: value.to(cuda) for key, value in inputs(Graph.complete(2, 4)).items()}
        out = there(graph=graph, **{key: value.float() for key, value in given.items()})
        assert out.x.device == cuda
        assert out.h.device == cuda


def test_bfloat16_autocast() -> None:
    model, graph = build(torch.float32), Graph.complete(2, 4)
    given = inputs(graph, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(graph=graph, **given)
    expected = model(graph=graph, **given)
    assert out.x.dtype == torch.float32
    close(out.h.float(), expected.h, 0.1)


def test_copies_state_and_pickles() -> None:
    model, graph = build(), Graph.complete(1, 4)
    given = inputs(graph)
    expected = model(graph=graph, **given).x
    other = build()
    other.load_state_dict(model.state_dict())
    buffer = io.BytesIO(pickle.dumps(model))
    for same in (other, copy.deepcopy(model), pickle.load(buffer)):
        assert torch.equal(same(graph=graph, **given).x, expected)


def test_a_fresh_model_hardly_moves_anything() -> None:
    model, graph = eqnorm.create_model("tfn", layers=4), Graph.complete(2, 20)
    x = torch.randn(40, 3)
    out: ModelOutput = model(x, graph)
    assert (out.x - x).abs().max() < 1
    assert out.h.abs().max() < 1e5

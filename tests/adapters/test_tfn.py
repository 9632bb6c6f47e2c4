"""Tensor field network: symmetries, batches, degenerate input, slots, machinery, errors."""

from __future__ import annotations

import copy
import io
import math
import pickle
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, GroupElement, ModelOutput
from tests.fake_cuda import fake_cuda

SLOTS = ("norm", "update_norm", "edge_norm", "feature_norm", "message_norm")
SMALL = {"hidden": 4, "layers": 2, "edge_dim": 2}
ODD = "3x0e+2x1o+2x1e+1x2e+1x0o"


class Half(nn.Module):
    """Half of everything."""

    def __init__(self, irreps: str) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(
        self,
        x: Tensor,
        graph: Graph | None = None,
        x0: Tensor | None = None,
        v: Tensor | None = None,
        h: Tensor | None = None,
    ) -> Tensor:
        assert graph is not None
        assert graph.num_nodes == x.shape[0]
        return self.scale * x


def build(dtype: torch.dtype = torch.float64, **options: object) -> nn.Module:
    """A model with parameters of order one, so that no small start hides an error."""
    model = eqnorm.create_model("tfn", **{**SMALL, **options}).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
        for layer in model.layers:
            for weight in layer.read_out.weights:
                weight.mul_(0.1)
    return model


def inputs(graph: Graph, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    n = graph.num_nodes
    return {
        "x": torch.randn(n, 3, dtype=dtype) + 3,
        "h": torch.randn(n, 1, dtype=dtype),
        "v": torch.randn(n, 3, dtype=dtype),
        "edge_attr": torch.randn(graph.num_edges, 2, dtype=dtype),
    }


def motion() -> GroupElement:
    matrix = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    return GroupElement(matrix, torch.randn(3, dtype=torch.float64))


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert (found - expected).abs().max() <= tolerance * (1 + expected.abs().max())


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden": ODD, "cutoff": 2.5},
        {"lmax": 3, "norm": "geonorm", "edge_norm": "enf", "feature_norm": "rmsnorm"},
    ],
)
def test_equivariant_in_float64(options: dict[str, object], reflect: bool) -> None:
    model, graph = build(message_aggregation="mean", **options), Graph.complete(num_nodes=[4, 6, 1])
    given, element = inputs(graph), motion()
    if (torch.linalg.det(element.rotation) < 0) != reflect:
        element = GroupElement(-element.rotation, element.translation)
    moved = {**given, "x": element.act(given["x"], "points"), "v": element.act(given["v"], "1o")}
    out, turned = model(graph=graph, **given), model(graph=graph, **moved)
    close(turned.x, element.act(out.x, "points"), 1e-12)
    close(turned.h, element.act(out.h, model.irreps), 1e-12)
    assert (out.x - given["x"]).abs().max() > 1e-3


def test_float32_is_as_good_as_rounding_allows() -> None:
    model, graph, element = build(torch.float32), Graph.complete(2, 8), motion()
    given = inputs(graph, torch.float32)
    moved = {**given, "x": element.act(given["x"], "points"), "v": element.act(given["v"], "1o")}
    out, turned = model(graph=graph, **given), model(graph=graph, **moved)
    close(turned.h, element.act(out.h, model.irreps), 1e-4)


def test_permuting_nodes_permutes_the_output() -> None:
    model, graph, order = build(edge_dim=0), Graph.complete(1, 6), torch.randperm(6)
    given = {key: value for key, value in inputs(graph).items() if key != "edge_attr"}
    out = model(graph=graph, **given)
    shuffled = model(graph=graph, **{key: value[order] for key, value in given.items()})
    close(shuffled.x, out.x[order], 1e-12)
    close(shuffled.h, out.h[order], 1e-12)


@pytest.mark.parametrize("options", [{}, {"cutoff": 2.0, "norm": "geonorm"}])
def test_a_ragged_batch_gives_what_single_graphs_give(options: dict[str, object]) -> None:
    model, sizes = build(**options), [3, 1, 5]
    whole = Graph.complete(num_nodes=sizes)
    given = inputs(whole)
    out = model(graph=whole, **given)
    edges = [n * (n - 1) for n in sizes]
    for index, n in enumerate(sizes):
        parts = {
            key: value.split(edges if key == "edge_attr" else sizes)[index]
            for key, value in given.items()
        }
        single = model(graph=Graph.complete(1, n), **parts)
        close(out.x.split(sizes)[index], single.x, 1e-12)
        close(out.h.split(sizes)[index], single.h, 1e-12)


def test_nothing_is_felt_beyond_the_cutoff() -> None:
    model = build(cutoff=1.5, edge_dim=0)
    x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2.6, 0, 0]], dtype=torch.float64)
    far = x + torch.tensor([[0.0], [0], [40]], dtype=torch.float64)
    close(model(x, Graph.complete(1, 3)).x[:2], model(far, Graph.complete(1, 3)).x[:2], 1e-13)


@pytest.mark.parametrize("slot", SLOTS)
def test_every_slot_by_name(slot: str) -> None:
    graph = Graph.complete(2, 4)
    model = build(**{slot: "geonorm" if slot == "norm" else "rmsnorm"})
    out = model(graph=graph, **inputs(graph))
    assert [getattr(layer, slot) is not None for layer in model.layers] == [True, slot != "norm"]
    (out.x.square().sum() + out.h.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert eqnorm.contract_of(model).equivariant_to == eqnorm.model_spec("tfn").equivariant_to


def test_a_norm_after_the_last_layer_on_request() -> None:
    model = build(norm="geonorm", norm_last=True)
    assert all(layer.norm is not None for layer in model.layers)


def test_an_edge_norm_takes_the_place_of_the_unit_length() -> None:
    graph, model = Graph.complete(1, 4), build(edge_norm=Half)
    given = inputs(graph)
    first = model(graph=graph, **given).x
    with torch.no_grad():
        model.layers[0].edge_norm.scale.fill_(5.0)
    assert (model(graph=graph, **given).x - first).abs().max() > 1e-3


DEGENERATE: dict[str, Callable[[Tensor], Tensor]] = {
    "zeros": lambda x: x * 0,
    "coincident": lambda x: x[:1].expand_as(x).clone(),
    "two coincident": lambda x: torch.cat([x[:1], x[:1], x[2:]]),
    "collinear": lambda x: x[:, :1] * torch.ones(3, dtype=x.dtype),
    "tiny": lambda x: x * 1e-3,
    "nearly coincident": lambda x: x * 1e-20,
    "huge": lambda x: x * 1e3,
}


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
    model, graph = build(layers=1, norm="geonorm", norm_last=True), Graph.complete(2, 4)
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


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": "8x0e+4x2e"}, "hidden='8x0e+4x2e' has no 1o"),
        ({"hidden": "8x1o"}, "has no 0e"),
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"hidden": "points"}, "hidden must be a channel count or irreps"),
        ({"hidden": "8x0g"}, "neither 'points' nor irreps"),
        ({"lmax": 0}, "lmax must be an integer from 1 to 11, got 0"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"num_basis": 0}, "num_basis must be at least 1, got 0"),
        ({"radial_hidden": 0}, "radial_hidden must be at least 1, got 0"),
        ({"cutoff": 0.0}, "cutoff must be positive, or None"),
        ({"cutoff": math.inf}, "cutoff must be positive, or None"),
        ({"message_aggregation": "max"}, "message_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"coord_aggregation": "max"}, "coord_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"edge_norm": "geoframe"}, "edge_norm: norm 'geoframe' serves"),
    ],
)
def test_bad_options_say_what_is_wrong(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        eqnorm.create_model("tfn", **options)

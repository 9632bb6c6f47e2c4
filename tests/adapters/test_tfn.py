"""Tensor field network: symmetries, batches, the cutoff, slots, errors."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, GroupElement
from eqnorm.testing import assert_equivariant
from tests.adapters.robust_case import each_graph_alone, nothing_from_afar
from tests.adapters.tfn_case import build, close, inputs, motion

SLOTS = ("norm", "update_norm", "edge_norm", "feature_norm", "message_norm")
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


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"radial_hidden": 2},
        {"hidden": ODD, "cutoff": 2.5},
        {"lmax": 3, "norm": "geonorm", "edge_norm": "enf", "feature_norm": "rmsnorm"},
    ],
)
def test_equivariant_in_float64(options: dict[str, object], reflect: bool) -> None:
    model = build(message_aggregation="mean", **options)
    many = "radial_hidden" in options  # takes the factored path of the convolution
    graph = Graph.complete(2, 7) if many else Graph.complete(num_nodes=[4, 6, 1])
    given, element = inputs(graph), motion()
    if (torch.linalg.det(element.rotation) < 0) != reflect:
        element = GroupElement(-element.rotation, element.translation)
    moved = {**given, "x": element.act(given["x"], "points"), "v": element.act(given["v"], "1o")}
    out, turned = model(graph=graph, **given), model(graph=graph, **moved)
    close(turned.x, element.act(out.x, "points"), 1e-12)
    close(turned.h, element.act(out.h, model.irreps), 1e-12)
    assert (out.x - given["x"]).abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_checker_confirms_the_contract(dtype: torch.dtype) -> None:
    model = eqnorm.create_model("tfn", hidden=2, layers=2, lmax=1, message_aggregation="mean")
    report = assert_equivariant(
        model,
        inputs={"x": "points", "graph": "graph", "h": "1x0e", "v": "1o"},
        output={"x": "points", "h": str(model.irreps)},
        group=eqnorm.model_spec("tfn").equivariant_to,
        dtype=dtype,
        max_examples=15,
    )
    assert report.ok


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
    each_graph_alone(build(**options), [3, 1, 5], inputs)


def test_nothing_is_felt_beyond_the_cutoff() -> None:
    nothing_from_afar(build(cutoff=1.5, edge_dim=0))


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


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": "8x0e+4x2e"}, "hidden='8x0e+4x2e' has no 1o"),
        ({"hidden": "8x1o"}, "has no 0e"),
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"hidden": "points"}, "hidden must be a channel count or irreps"),
        ({"hidden": "8x0g"}, "neither 'points' nor irreps"),
        ({"lmax": 0}, "lmax must be an integer from 1 to 11, got 0"),
        ({"layers": 0}, "layers must be an integer of at least 1, got 0"),
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

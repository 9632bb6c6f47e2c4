"""The contract of all backbones but EGNN and `tfn`: symmetry, batches, order of nodes."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph, Symmetry
from eqnorm.testing import equivariance_report, find_violation
from tests.adapters.robust_case import each_graph_alone
from tests.adapters.scalarised_case import IRREPS, NAMED, build, close, every, inputs, motion, moved

TYPES = {"x": "points", "graph": "graph", "h": "2x0e", "edge_attr": "edge:2x0e", "v": "1o"}


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_checker_confirms_the_contract(name: str, dtype: torch.dtype) -> None:
    output = {"x": "points", "h": IRREPS[name], "v": "1o"}
    group = eqnorm.model_spec(name).equivariant_to
    assert group == Symmetry.parse("SE3" if name == "clofnet" else "E3")
    report = equivariance_report(
        build(name), inputs=TYPES, output=output, group=group, dtype=dtype, max_examples=8
    )
    assert report.ok, str(report)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_checker_finds_that_clofnet_breaks_reflections(dtype: torch.dtype) -> None:
    output = {"x": "points", "h": IRREPS["clofnet"], "v": None}
    found = find_violation(
        build("clofnet"),
        names="reflection",
        inputs=TYPES,
        output=output,
        group="reflection",
        permutation=False,
        independence=False,
        gradients=False,
        dtype=dtype,
        max_examples=8,
    )
    assert found is not None
    assert found.error > 1e3 * found.limit


@every
@pytest.mark.parametrize("slots", [{}, NAMED])
def test_equivariant_in_float64(name: str, slots: dict[str, str]) -> None:
    model, graph = build(name, **slots), Graph.complete(num_nodes=[4, 6, 1])
    given = inputs(graph)
    for reflect in (False, True):
        element = motion(reflect)
        out, turned = model(graph=graph, **given), model(graph=graph, **moved(given, element))
        if reflect and name == "clofnet":
            assert (turned.x - element.act(out.x, "points")).abs().max() > 1e-3
            continue
        close(turned.x, element.act(out.x, "points"))
        close(turned.h, element.act(out.h, IRREPS[name]))
    assert (out.x - given["x"]).abs().max() > 1e-3


@every
@pytest.mark.parametrize("options", [{}, NAMED])
def test_a_ragged_batch_gives_what_single_graphs_give(name: str, options: dict[str, str]) -> None:
    each_graph_alone(build(name, **options), [3, 1, 5], inputs)


@every
def test_permuting_nodes_permutes_the_output(name: str) -> None:
    model, graph, order = build(name, edge_dim=0), Graph.complete(1, 6), torch.randperm(6)
    given = {key: value for key, value in inputs(graph).items() if key != "edge_attr"}
    out = model(graph=graph, **given)
    shuffled = model(graph=graph, **{key: value[order] for key, value in given.items()})
    close(shuffled.x, out.x[order])
    close(shuffled.h, out.h[order])

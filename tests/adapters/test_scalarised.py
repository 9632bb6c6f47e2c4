"""What all backbones but EGNN and `tfn` have in common: contract, slots, robustness."""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import eqnorm
from eqnorm import Graph, Symmetry
from eqnorm.testing import equivariance_report, find_violation
from tests.adapters.scalarised_case import (
    IRREPS,
    SLOTS,
    build,
    close,
    inputs,
    motion,
    moved,
)
from tests.fake_cuda import fake_cuda

every = pytest.mark.parametrize("name", IRREPS)
MIRRORED = [name for name in IRREPS if name != "clofnet"]
TYPES = {"x": "points", "graph": "graph", "h": "2x0e", "edge_attr": "edge:2x0e", "v": "1o"}
DEGENERATE: dict[str, Callable[[Tensor], Tensor]] = {
    "zeros": lambda x: x * 0,
    "coincident": lambda x: x[:1].expand_as(x).clone(),
    "two coincident": lambda x: torch.cat([x[:1], x[:1], x[2:]]),
    "collinear": lambda x: x[:, :1] * torch.ones(3, dtype=x.dtype),
    "tiny": lambda x: x * 1e-3,
    "nearly coincident": lambda x: x * 1e-20,
    "huge": lambda x: x * 1e3,
}
# A norm for each slot that uses h, x0 or v where the slot offers them.
NAMED = {
    "norm": "system",
    "update_norm": "rms_film",
    "edge_norm": "enf",
    "feature_norm": "layernorm",
    "message_norm": "rmsnorm",
}


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
    model, sizes = build(name, **options), [3, 1, 5]
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
        close(out.x.split(sizes)[index], single.x)
        close(out.h.split(sizes)[index], single.h)


@every
def test_permuting_nodes_permutes_the_output(name: str) -> None:
    model, graph, order = build(name, edge_dim=0), Graph.complete(1, 6), torch.randperm(6)
    given = {key: value for key, value in inputs(graph).items() if key != "edge_attr"}
    out = model(graph=graph, **given)
    shuffled = model(graph=graph, **{key: value[order] for key, value in given.items()})
    close(shuffled.x, out.x[order])
    close(shuffled.h, out.h[order])


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


def assert_finite(model, graph, given):
    leaves = {key: value.requires_grad_() for key, value in given.items()}
    out = model(graph=graph, **leaves)
    inner = out.x.square().sum() + out.h.square().sum()
    inner.backward()
    # A norm of scalars and vectors has empty parameters where there are vectors only.
    for tensor in (out.x, out.h, *(p.grad for p in model.parameters() if p.numel())):
        assert tensor is not None
        assert tensor.isfinite().all()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves.values())
    return out


@every
def test_missing_inputs_are_ones_and_zeros(name: str) -> None:
    graph, model = Graph.complete(1, 4), build(name)
    given = inputs(graph)
    x = given["x"]
    full = model(x, graph, torch.ones_like(given["h"]), x * 0, torch.zeros_like(given["edge_attr"]))
    assert torch.equal(model(x, graph).x, full.x)


@every
@pytest.mark.parametrize("slot", SLOTS)
def test_every_norm_of_the_slot_by_name(name: str, slot: str) -> None:
    """Each norm that serves the slot: finite values and gradients, the contract kept."""
    graph = Graph.complete(2, 4)
    kind = {"norm": "points", "update_norm": "1o", "edge_norm": "1o"}.get(slot, IRREPS[name])
    bare, given = build(name), inputs(graph)
    plain = bare(graph=graph, **given)
    for spec in eqnorm.norm_specs(on=kind):
        if slot == "edge_norm" and spec.needs:
            with pytest.raises(ValueError, match=f"edge_norm='{spec.name}' needs"):
                build(name, **{slot: spec.name})
            continue
        model = build(name, **{slot: spec.name})
        built = [getattr(layer, slot) is not None for layer in model.layers]
        assert built == [True, slot != "norm"]
        model.load_state_dict(bare.state_dict(), strict=False)
        out = assert_finite(model, graph, {key: value.clone() for key, value in given.items()})
        if spec.name != "identity":
            assert not torch.equal(torch.cat([out.x, out.h], 1), torch.cat([plain.x, plain.h], 1))
        contract = eqnorm.contract_of(model)
        symmetry = eqnorm.model_spec(name).equivariant_to & spec.equivariant_to
        assert contract.equivariant_to == symmetry, spec.name


@every
def test_a_norm_after_the_last_layer_on_request(name: str) -> None:
    model = build(name, norm="geonorm", norm_last=True)
    assert all(layer.norm is not None for layer in model.layers)


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


@every
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": 0}, "hidden must be"),
        ({"layers": 0}, "layers must be an integer of at least 1, got 0"),
        ({"message_aggregation": "max"}, "message_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"coord_aggregation": "max"}, "coord_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"activation": "sine"}, "activation must be one of gelu, leaky_relu"),
        ({"edge_norm": "geoframe"}, "edge_norm: norm 'geoframe' serves"),
        ({"node_dim": 0}, "node_dim must be at least 1, got 0"),
    ],
)
def test_bad_options_say_what_is_wrong(name: str, options: dict[str, object], text: str) -> None:
    if set(options) <= set(eqnorm.model_spec(name).options):
        with pytest.raises(ValueError, match=re.escape(text)):
            eqnorm.create_model(name, **options)
    else:
        assert options == {"activation": "sine"}

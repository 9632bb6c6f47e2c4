"""Every registered norm and backbone in a periodic box: refused, or with a meaning there.

Nothing here names a norm or a backbone, but for the ones that it registers itself.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, ModelOutput, NormSpec
from tests.contract.norm_cases import NormCase, all_cases, call

pytest.importorskip("vesin")

# Triclinic, and shorter than the cutoff one way: some nodes are joined to copies of themselves.
CELL = torch.tensor([[1.1, 0.0, 0.0], [0.3, 2.0, 0.0], [-0.2, 0.4, 2.3]], dtype=torch.float64)
CUTOFF, NODES = 1.2, 7
COPIES = torch.tensor(list(itertools.product((0, 1), repeat=3)), dtype=torch.float64)
WITH_MEANING = [c for c in all_cases() if c.spec.periodic]
WITHOUT = [c for c in all_cases() if not c.spec.periodic]
MODELS = eqnorm.list_models(periodic=True)


def points(seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(NODES, 3, generator=draw, dtype=torch.float64) @ CELL


def jumps() -> Tensor:
    draw = torch.Generator().manual_seed(5)
    return torch.randint(-3, 4, (NODES, 3), generator=draw).double() @ CELL


def graph_of(x: Tensor, cell: Tensor = CELL) -> Graph:
    return Graph.radius(x, CUTOFF, box=cell)


def replicated(value: Tensor) -> Tensor:
    return value.repeat(8, *[1] * (value.dim() - 1))


def supercell(x: Tensor) -> Tensor:
    return replicated(x) + (COPIES @ CELL).repeat_interleave(len(x), 0)


# --- norms ----------------------------------------------------------------------------------


def test_there_are_norms_of_both_kinds() -> None:
    assert WITHOUT
    assert any(case.on == "1o" and "x0" in case.takes for case in WITH_MEANING)


@pytest.mark.parametrize("case", WITHOUT, ids=str)
def test_norms_without_a_meaning_refuse(case: NormCase) -> None:
    inputs = case.inputs(NODES)
    norm = case.build().double()
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is looked at below
        call(norm, graph_of(points()), inputs)
    text = str(error.value)
    assert f"norm {case.name!r} on {case.on} has no meaning in a periodic box: a centre" in text
    offered = text.rsplit(": ", 1)[1].split(", ")
    assert len(offered) > 1
    assert all(eqnorm.norm_spec(name, on="1o").periodic for name in offered)
    call(norm, Graph.from_batch(torch.zeros(NODES, dtype=torch.int64)), inputs)  # open: none


@pytest.mark.parametrize("case", WITH_MEANING, ids=str)
def test_norms_with_a_meaning_see_neither_copies_nor_the_size_of_the_box(case: NormCase) -> None:
    norm = case.build().double()
    inputs = case.inputs(NODES)
    if "x0" in inputs:
        inputs["x0"] = points()
    out = call(norm, graph_of(points()), inputs)
    assert torch.isfinite(out).all()
    if "x0" in inputs:
        moved = {**inputs, "x0": points() + jumps()}
        assert torch.equal(call(norm, graph_of(points()), moved), out)
    many = {name: replicated(value) for name, value in inputs.items()}
    if "x0" in inputs:
        many["x0"] = supercell(points())
    large = call(norm, graph_of(supercell(points()), 2 * CELL), many)
    torch.testing.assert_close(large, replicated(out), rtol=1e-10, atol=1e-10)


# --- backbones ------------------------------------------------------------------------------


def build(name: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"hidden": 4, "layers": 2, "node_dim": 2, "edge_dim": 1}
    model = eqnorm.create_model(name, **{**sizes, **options}).double()
    with torch.no_grad():  # updates of positions start small in some
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def run(model: nn.Module, x: Tensor, graph: Graph, times: int = 1) -> ModelOutput:
    draw = torch.Generator().manual_seed(1)
    h, v = (torch.randn(NODES, k, generator=draw, dtype=torch.float64) for k in (2, 3))
    # A feature that both boxes agree about: of the edge, not of its place in the list.
    lengths = graph.relative(x.detach()).norm(dim=-1, keepdim=True)
    return model(x, graph, h=h.repeat(times, 1), v=v.repeat(times, 1), edge_attr=lengths.cos())


def assert_same(out: ModelOutput, x: Tensor, other: ModelOutput, y: Tensor) -> None:
    times = len(y) // len(x)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(other.x - y, (out.x - x).repeat(times, 1), **close)
    torch.testing.assert_close(other.h, out.h.repeat(times, 1), **close)


@pytest.mark.parametrize("name", MODELS)
def test_moving_single_atoms_by_lattice_vectors_changes_nothing(name: str) -> None:
    model, x = build(name), points()
    y = x + jumps()
    assert_same(run(model, x, graph_of(x)), x, run(model, y, graph_of(y)), y)


@pytest.mark.parametrize("name", MODELS)
def test_a_replicated_box_gives_every_atom_the_same(name: str) -> None:
    model, x = build(name), points()
    many = supercell(x)
    out = run(model, x, graph_of(x))
    assert_same(out, x, run(model, many, graph_of(many, 2 * CELL), 8), many)


@pytest.mark.parametrize("name", MODELS)
def test_single_precision_agrees_with_double(name: str) -> None:
    """Fast paths that serve float32 only take part in this one."""
    model, x = build(name, hidden=16), points()
    graph = graph_of(x)
    h, v = torch.ones(NODES, 2, dtype=torch.float64), torch.zeros_like(x)
    wide = model(x, graph, h=h, v=v)
    narrow = model.float()(x.float(), graph, h=h.float(), v=v.float())
    torch.testing.assert_close(narrow.x.double() - x, wide.x - x, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_without_its_shifts_the_outcome_is_another(name: str) -> None:
    """The tests above would see a backbone that goes round `graph.relative`."""
    model, x = build(name), points()
    graph = graph_of(x)
    open_graph = Graph.from_edges(graph.edge_index, num_nodes=NODES)
    assert (run(model, x, graph).x - run(model, x, open_graph).x).abs().max() > 1e-6


@pytest.mark.parametrize("name", MODELS)
def test_a_rotated_box_gives_a_rotated_outcome(name: str) -> None:
    model, x = build(name), points()
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)  # a rotation: some are SO(3) only
    graph = graph_of(x)
    v = torch.randn(NODES, 3, dtype=torch.float64)
    h = torch.randn(NODES, 2, dtype=torch.float64)
    out = model(x, graph, h=h, v=v)
    turned = model(x @ turn.T, graph.transformed(turn), h=h, v=v @ turn.T)
    torch.testing.assert_close(turned.x, out.x @ turn.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_positions_about_a_centre_are_refused(name: str) -> None:
    model = build(name, center=True)
    run(model, points(), Graph.complete(1, NODES))
    assert not eqnorm.contract_of(model).periodic
    with pytest.raises(ValueError, match=f"center=True of model '{name}' has no meaning in a per"):
        run(model, points(), graph_of(points()))


@pytest.mark.parametrize("name", eqnorm.list_models(periodic=False))
def test_backbones_without_a_meaning_refuse(name: str) -> None:
    text = f"model '{name}' has no meaning in a periodic box.*{', '.join(MODELS)}"
    with pytest.raises(ValueError, match=text):
        run(build(name), points(), graph_of(points()))


@pytest.mark.parametrize("name", MODELS)
def test_a_backbone_refuses_for_its_norms(name: str) -> None:
    case = WITHOUT[0]
    model = build(name, norm=(case.name, dict(case.options)))
    contract = eqnorm.contract_of(model)
    assert contract is not None
    assert not contract.periodic
    with pytest.raises(ValueError, match=f"norm '{case.name}' on points has no meaning in a"):
        run(model, points(), graph_of(points()))


def test_norms_that_are_plain_modules_are_refused_in_a_backbone() -> None:
    class Plain(nn.Module):
        """Halves every coordinate."""

        def forward(self, x: Tensor, graph: Any = None, **_: Any) -> Tensor:
            return x / 2

    spec = NormSpec
    table = eqnorm.registry._norms
    before = dict(table.specs)
    try:
        eqnorm.register_norm(
            "plain-halves", on="points", equivariant_to="O3", scope="node", periodic=False
        )(Plain)
        model = build(MODELS[0], norm="plain-halves")
        assert isinstance(eqnorm.contract_of(Plain()), spec)
        with pytest.raises(ValueError, match="norm 'plain-halves' on points has no"):
            run(model, points(), graph_of(points()))
    finally:
        table.specs.clear()
        table.specs.update(before)


@pytest.mark.parametrize("case", WITHOUT[:1] + WITH_MEANING[:1], ids=str)
def test_compiled_norms_refuse_too(case: NormCase) -> None:
    torch._dynamo.reset()
    norm = torch.compile(case.build().double(), backend="eager", fullgraph=True)
    inputs, graph = case.inputs(NODES), graph_of(points())
    if case.spec.periodic:
        assert torch.isfinite(call(norm, graph, inputs)).all()
        return
    with pytest.raises(Exception, match="has no meaning in a periodic box"):
        call(norm, graph, inputs)

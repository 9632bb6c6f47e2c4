"""Every registered backbone in a periodic box: refused, or with a meaning there.

Nothing here names a backbone; the one norm that is named is registered here.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, ModelOutput, NormSpec
from tests.contract.periodic_case import CELL, NODES, graph_of, jumps, points, supercell

pytest.importorskip("vesin")

MODELS = eqnorm.list_models(periodic=True)
CENTRED = eqnorm.list_norms(on="points", periodic=False)[0]


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
    model = build(name, norm=CENTRED)
    contract = eqnorm.contract_of(model)
    assert contract is not None
    assert not contract.periodic
    with pytest.raises(ValueError, match=f"norm '{CENTRED}' on points has no meaning in a"):
        run(model, points(), graph_of(points()))


def test_norms_that_are_plain_modules_are_refused_in_a_backbone() -> None:
    class Plain(nn.Module):
        """Halves every coordinate."""

        def forward(self, x: Tensor, graph: Any = None, **_: Any) -> Tensor:
            return x / 2

    table = eqnorm.registry._norms
    before = dict(table.specs)
    try:
        eqnorm.register_norm(
            "plain-halves", on="points", equivariant_to="O3", scope="node", periodic=False
        )(Plain)
        model = build(MODELS[0], norm="plain-halves")
        assert isinstance(eqnorm.contract_of(Plain()), NormSpec)
        with pytest.raises(ValueError, match="norm 'plain-halves' on points has no"):
            run(model, points(), graph_of(points()))
    finally:
        table.specs.clear()
        table.specs.update(before)

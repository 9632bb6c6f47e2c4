"""Pairs of complete graphs stand for their edges."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import _nequip_layer, _tfn_layer
from eqnorm_adapters._pairs import pairs_of


@pytest.mark.parametrize(("graphs", "size"), [(1, 2), (3, 5), (2, 1)])
def test_harmonics_and_features_at_edges_are_those_of_the_edges(graphs, size):
    graph = Graph.complete(graphs, size)
    pairs = pairs_of(graph)
    assert pairs.receivers.shape[0] == graph.num_edges // 2
    assert (pairs.receivers < pairs.senders).all()
    x = torch.randn(graph.num_nodes, 3, dtype=torch.float64)
    at_pairs, at_edges = (
        (o3.spherical_harmonics([0, 1, 2, 3], d, False), d.norm(dim=-1, keepdim=True))
        for d in (pairs.relative(x), graph.relative(x))
    )
    for found, expected in zip(pairs.at_edges(*at_pairs, graph), at_edges, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-14)


def test_other_graphs_have_none():
    assert pairs_of(Graph.complete(num_nodes=[3, 4])) is None
    assert pairs_of(Graph.from_edges(torch.tensor([[0, 1], [1, 0]]))) is None
    assert pairs_of(Graph.complete(2, 3)) is not None


@pytest.mark.parametrize(
    ("name", "options"),
    [("tfn", {}), ("nequip", {}), ("nequip", {"energy": True}), ("tfn", {"cutoff": 2.0})],
)
def test_models_are_the_same_without_them(name, options, monkeypatch):
    model = eqnorm.create_model(name, hidden=3, layers=2, **options).double()
    graph = Graph.complete(2, 6)
    x = torch.randn(12, 3, dtype=torch.float64)
    found = []
    for use in (True, False):
        if not use:
            for layer in (_tfn_layer, _nequip_layer):
                monkeypatch.setattr(layer, "pairs_of", lambda graph: None)
        start = x.clone().requires_grad_()
        out = model(start, graph)
        loss = out.x.square().sum() + out.h.square().sum()
        found.append([out.x, out.h, *torch.autograd.grad(loss, start)])
    for with_pairs, without in zip(*found, strict=True):
        torch.testing.assert_close(with_pairs, without, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("given", [{"edge_dim": 2}, {"edge_norm": "enf"}])
@pytest.mark.parametrize("name", ["tfn", "nequip"])
def test_what_differs_between_the_edges_of_a_pair_is_not_lost(name, given, monkeypatch):
    model, graph = eqnorm.create_model(name, hidden=2, layers=1, **given), Graph.complete(1, 4)
    for layer in (_tfn_layer, _nequip_layer):
        monkeypatch.setattr(layer, "pairs_of", lambda graph: pytest.fail("asked for pairs"))
    features = torch.randn(graph.num_edges, 2) if "edge_dim" in given else None
    model(torch.randn(4, 3), graph, edge_attr=features)

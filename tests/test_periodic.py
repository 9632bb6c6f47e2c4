"""Edges in periodic boxes, against a loop over all copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eqnorm import Graph
from tests.periodic_case import assert_same, by_loop, systems, vectors_of

pytest.importorskip("vesin")


@given(systems())
def test_every_copy_within_the_cutoff_is_found_once(system):
    x, cell, cutoff = system
    graph = Graph.radius(torch.tensor(x), cutoff, box=torch.tensor(cell))
    assert graph.periodic
    assert_same(vectors_of(graph, torch.tensor(x)), by_loop(x, cell, cutoff))


def test_a_small_box_joins_a_node_to_its_own_copies():
    x = torch.zeros(1, 3, dtype=torch.float64)
    graph = Graph.radius(x, 1.5, box=torch.ones(3, dtype=torch.float64))
    assert graph.num_edges == 18  # 6 at distance 1, 12 at the root of 2
    lengths = graph.relative(x).norm(dim=-1)
    assert sorted({round(float(r), 6) for r in lengths}) == [1.0, 1.414214]
    assert_same(vectors_of(graph, x), by_loop(x.numpy(), np.eye(3), 1.5))


@given(systems(), st.integers(0, 2**32 - 1))
def test_moving_single_atoms_by_lattice_vectors_changes_no_relative_vector(system, seed):
    x, cell, cutoff = (torch.tensor(a) if isinstance(a, np.ndarray) else a for a in system)
    draw = torch.Generator().manual_seed(seed)
    jumps = torch.randint(-50, 51, x.shape, generator=draw).double() @ cell
    graphs = [Graph.radius(y, cutoff, box=cell) for y in (x, x + jumps)]
    assert_same(vectors_of(graphs[0], x), vectors_of(graphs[1], x + jumps))


@given(systems(), st.integers(0, 2**32 - 1))
def test_a_rotated_system_has_a_rotated_box(system, seed):
    x, cell, cutoff = (torch.tensor(a) if isinstance(a, np.ndarray) else a for a in system)
    draw = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=draw, dtype=torch.float64))[0]
    graph = Graph.radius(x, cutoff, box=cell)
    turned = graph.transformed(turn)
    assert torch.allclose(turned.relative(x @ turn.T), graph.relative(x) @ turn.T, atol=1e-10)
    anew = Graph.radius(x @ turn.T, cutoff, box=cell @ turn.T)
    assert torch.allclose(anew.box, turned.box)
    assert_same(vectors_of(anew, x @ turn.T), vectors_of(turned, x @ turn.T))


def test_open_graphs_do_not_turn():
    graph = Graph.complete(1, 3)
    assert graph.transformed(torch.eye(3)) is graph


@pytest.mark.parametrize("ordered", [True, False], ids=["sorted batch", "shuffled batch"])
def test_a_batch_of_boxes_gives_what_single_systems_give(ordered):
    sizes, cutoff = [4, 1, 6], 1.3
    cells = torch.stack([torch.diag(torch.rand(3) + 1 - 0.3 * b) for b in range(3)]).double()
    cells[1, 0, 1] = 0.4
    parts = [torch.rand(n, 3, dtype=torch.float64) @ c for n, c in zip(sizes, cells, strict=True)]
    x, batch = torch.cat(parts), torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    places = torch.arange(11) if ordered else torch.randperm(11)
    graph = Graph.radius(x[places], cutoff, batch[places], box=cells)
    where = places.argsort().split(sizes)
    together, edges = vectors_of(graph, x[places]), 0
    for b, (part, cell) in enumerate(zip(parts, cells, strict=True)):
        own = where[b].tolist()
        alone = vectors_of(Graph.radius(part, cutoff, box=cell), part)
        alone = [(own[i], own[j], *r) for i, j, *r in alone]
        assert len(alone) >= 2, "hardly any edges, nothing tested"
        assert_same([edge for edge in together if edge[0] in own], alone)
        edges += len(alone)
    assert graph.num_edges == edges

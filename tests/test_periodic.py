"""Periodic boxes in graphs, against a loop over all copies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from eqnorm import Graph
from tests.fake_cuda import fake_cuda

pytest.importorskip("vesin")

Vector = tuple[int, int, float, float, float]


def by_loop(x: np.ndarray, cell: np.ndarray, cutoff: float) -> list[Vector]:
    """Every (receiver, sender, relative vector) nearer than the cutoff, over all copies."""
    heights = [
        abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(cell[k - 2], cell[k - 1]))
        for k in range(3)
    ]
    spread = np.ptp(x @ np.linalg.inv(cell), axis=0)
    reach = [int(np.ceil(cutoff / h + s)) for h, s in zip(heights, spread, strict=True)]
    found = []
    for numbers in itertools.product(*[range(-r, r + 1) for r in reach]):
        vectors = x[:, None] - x[None] + np.array(numbers) @ cell
        for i, j in itertools.product(range(len(x)), repeat=2):
            if (i != j or any(numbers)) and np.linalg.norm(vectors[i, j]) < cutoff:
                found.append((i, j, *vectors[i, j]))
    return found


def vectors_of(graph: Graph, x: Tensor) -> list[Vector]:
    pairs = zip(graph.receivers.tolist(), graph.senders.tolist(), strict=True)
    return [(*p, *r) for p, r in zip(pairs, graph.relative(x).tolist(), strict=True)]


def assert_same(found: list[Vector], expected: list[Vector]) -> None:
    """The same vectors, as often, for every pair; in any order."""
    assert sorted(v[:2] for v in found) == sorted(v[:2] for v in expected)
    for pair in {v[:2] for v in found}:
        one, other = (np.array([v[2:] for v in vs if v[:2] == pair]) for vs in (found, expected))
        apart = np.linalg.norm(one[:, None] - other[None], axis=-1)
        assert (apart < 1e-5).sum(0).tolist() == [1] * len(one)
        assert (apart < 1e-5).sum(1).tolist() == [1] * len(one)


@st.composite
def systems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """Points in and outside of a triclinic box, some left-handed, and a cutoff."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = rng.uniform(1, 5, 3)
    cell = np.diag(lengths) + rng.uniform(-0.35, 0.35, (3, 3)) * lengths
    cell *= draw(st.sampled_from([1, -1]))
    apart = draw(st.sampled_from([1, 1, 4]))  # in units of the box: 4 is an unwrapped trajectory
    x = (rng.uniform(0, apart, (draw(st.integers(1, 5)), 3)) - rng.integers(0, 3)) @ cell
    return x, cell, draw(st.sampled_from([0.6, 1.5, 3.0])) * float(rng.uniform(0.9, 1.1))


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


def test_each_way_to_write_a_box():
    x = torch.rand(8, 3, dtype=torch.float64)
    batch = torch.tensor([0] * 4 + [1] * 4)
    lengths = torch.tensor([1.0, 1.2, 1.5])
    cell = torch.diag(lengths).double()
    for box in (
        lengths,
        lengths[None],
        lengths.expand(2, 3),
        cell,
        cell[None],
        cell.expand(2, 3, 3),
    ):
        graph = Graph.radius(x, 0.7, batch, box=box)
        assert torch.allclose(graph.box, cell.expand(2, 3, 3), atol=1e-6)
    # As few graphs as dimensions: rows of lengths look like a cell.
    three = torch.repeat_interleave(torch.arange(3), torch.tensor([2, 3, 3]))
    assert torch.equal(Graph.radius(x, 0.7, three, box=cell).box, cell.expand(3, 3, 3))
    with pytest.raises(ValueError, match=r"may be one cell or three rows of lengths"):
        Graph.radius(x, 0.7, three, box=lengths.expand(3, 3))


def test_shifts_are_kept_in_float64_and_cast():
    x = torch.rand(5, 3) * 100
    graph = Graph.radius(x, 40.0, box=torch.full((3,), 100.0))
    assert graph.shifts.dtype == graph.box.dtype == torch.float64
    for dtype in (torch.float32, torch.bfloat16):
        assert graph.relative(x.to(dtype)).dtype == dtype
    assert graph.volume.tolist() == pytest.approx([1e6])


def test_an_own_list_of_edges_with_vectors_or_numbers():
    x = torch.rand(6, 3, dtype=torch.float64)
    cell = torch.eye(3, dtype=torch.float64) + 0.2 * torch.rand(3, 3, dtype=torch.float64)
    found = Graph.radius(x, 0.9, box=cell)
    numbers = torch.linalg.solve(cell.T, found.shifts.T).T.round().long()
    for shifts in (found.shifts, found.shifts.float(), numbers):
        graph = Graph.from_edges(found.edge_index, num_nodes=6, shifts=shifts, box=cell)
        assert torch.allclose(graph.relative(x), found.relative(x), atol=1e-6)
    flipped = Graph.from_edges(
        found.edge_index.flip(0), num_nodes=6, flow="target_to_source", shifts=numbers, box=cell
    )
    assert torch.equal(flipped.relative(x), found.relative(x))


def test_to_takes_the_box_along_and_edges_know_that_they_are_periodic():
    graph = Graph.radius(torch.rand(5, 3), 0.5, box=torch.ones(3))
    moved = graph.to("meta")
    assert moved.periodic
    assert {moved.shifts.device.type, moved.box.device.type, moved.volume.device.type} == {"meta"}
    assert graph.edge_graph().periodic
    assert not Graph.complete(1, 3).periodic
    assert Graph.complete(1, 3).volume is None


def test_nothing_waits_for_the_device_once_built():
    graph = Graph.radius(torch.rand(6, 3), 0.5, box=torch.ones(3))
    with fake_cuda() as device:
        on_device = graph.to(device)
        assert on_device.relative(torch.empty(6, 3, device=device)).device.type == "cuda"
        assert on_device.transformed(torch.empty(3, 3, device=device)).box.device.type == "cuda"


def test_gradients_reach_points_and_box():
    x = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    cell = (2 * torch.eye(3, dtype=torch.float64)).requires_grad_()
    graph = Graph.radius(x, 1.9, box=cell)
    # A strain changes x and box together: the virial, by autograd and from the vectors.
    energy = graph.relative(x).square().sum()
    by_x, by_cell = torch.autograd.grad(energy, [x, cell])
    strain = by_x.T @ x.detach() + by_cell.T @ cell.detach()
    vectors = graph.relative(x).detach()
    assert graph.shifts.abs().sum() > 0
    assert torch.allclose(strain, 2 * vectors.T @ vectors)

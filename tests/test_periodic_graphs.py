"""Boxes and shifts of graphs: how they are given, kept, moved and differentiated."""

from __future__ import annotations

import pytest
import torch

from eqnorm import Graph
from tests.fake_cuda import fake_cuda

pytest.importorskip("vesin")


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

"""Energies and forces of `nequip`: symmetry, derivatives, the cutoff, training."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from tests.adapters.scalarised_case import close, motion
from tests.fake_cuda import fake_cuda

SIZES = [4, 1, 3]


def potential(**options: object) -> nn.Module:
    common = {"hidden": "6x0e+3x1o+2x2e", "layers": 2, "node_dim": 2, "energy": True}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return eqnorm.create_model("nequip", **{**common, **options}).double()


def atoms(n: int) -> tuple[Tensor, Tensor]:
    species = nn.functional.one_hot(torch.arange(n) % 2, 2).double()
    return torch.randn(n, 3, dtype=torch.float64), species


@pytest.mark.parametrize("cutoff", [None, 2.0])
@pytest.mark.parametrize("reflect", [False, True])
def test_energy_is_invariant_and_forces_turn_along(cutoff, reflect):
    model, graph, element = (
        potential(cutoff=cutoff),
        Graph.complete(num_nodes=SIZES),
        motion(reflect),
    )
    x, h = atoms(8)
    out, turned = (
        model.energy_and_forces(points, graph, h) for points in (x, element.act(x, "points"))
    )
    close(turned.energy, out.energy)
    close(turned.node_energy, out.node_energy)
    close(turned.forces, element.act(out.forces, "1o"), 1e-11)
    close(graph.sum(out.forces), torch.zeros(3, 3), 1e-11)
    close(out.energy, graph.sum(out.node_energy))
    assert out.forces.abs().max() > 1e-3
    assert not out.forces[4].any()  # alone


def test_forces_are_the_slope_of_the_energy():
    model, graph = potential(cutoff=3.0).eval(), Graph.complete(1, 5)
    x, h = atoms(5)
    forces, step = model.energy_and_forces(x, graph, h).forces, 1e-5
    for i in range(5):
        for k in range(3):
            shift = torch.zeros_like(x)
            shift[i, k] = step
            high, low = (model.energy_and_forces(x + s, graph, h).energy for s in (shift, -shift))
            close(forces[i, k], -(high - low).squeeze() / (2 * step), 1e-7)


@pytest.mark.parametrize("layout", ["complete", "edges"])
def test_a_loss_of_forces_trains(layout):
    model, graph = potential(cutoff=3.0), Graph.complete(1, 4)
    if layout == "edges":
        graph = Graph.from_edges(graph.edge_index, num_nodes=4)
    x, h = atoms(4)

    def loss() -> Tensor:
        out = model.energy_and_forces(x, graph, h)
        return out.forces.square().sum() + out.energy.square().sum()

    loss().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    weight, step = model.layers[0].radial.weights[0], 1e-6
    with torch.no_grad():
        slope = weight.grad[0, 0].clone()
        weight[0, 0] += step
        high = loss()
        weight[0, 0] -= 2 * step
        low = loss()
    assert slope.abs() > 1e-6
    close(slope, (high - low) / (2 * step), 1e-6)


def test_under_no_grad_and_in_eval_nothing_is_kept():
    model, graph = potential(), Graph.complete(1, 4)
    x, h = atoms(4)
    trained = model.energy_and_forces(x, graph, h)
    assert trained.forces.requires_grad
    assert trained.energy.requires_grad
    with torch.no_grad():
        there = model.energy_and_forces(x, graph, h)
    for out in (there, model.eval().energy_and_forces(x, graph, h)):
        assert not any(value.requires_grad for value in out)
        close(out.forces, trained.forces)
    assert model.energy_and_forces(x, graph, h, create_graph=True).forces.requires_grad
    assert not x.requires_grad
    with torch.inference_mode(), pytest.raises(RuntimeError, match="use torch.no_grad"):
        model.energy_and_forces(x, graph, h)


def test_energy_and_forces_are_smooth_where_a_neighbour_crosses_the_cutoff():
    """With the edge between nodes 0 and 2 or without."""
    model = potential(cutoff=2.0).eval()
    x = torch.tensor([[0.0, 0, 0], [1.0, 0.3, 0], [0, 2.0, 0]], dtype=torch.float64)
    h = atoms(3)[1]
    without = Graph.from_edges(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    differences = []
    for gap in (0.0, 1e-6, 1e-4, 1e-1):
        x[2, 1] = 2.0 - gap
        full, cut = (
            model.energy_and_forces(x, graph, h) for graph in (Graph.complete(1, 3), without)
        )
        differences.append([float((a - b).abs().max()) for a, b in zip(full, cut, strict=True)])
    assert max(differences[0]) < 1e-14
    assert max(differences[1]) < 1e-9  # they go like gap^3 and gap^2
    assert max(differences[2]) < 1e-5
    assert min(differences[3]) > 1e-5


def test_energy_of_parts_out_of_reach_is_the_sum():
    model = potential(cutoff=2.0).eval()
    x, h = atoms(6)
    x = x.clamp(-0.5, 0.5) + torch.tensor([[0.0, 0, 0]] * 3 + [[9.0, 0, 0]] * 3)
    whole = model.energy_and_forces(x, Graph.complete(1, 6), h)
    parts = model.energy_and_forces(x, Graph.complete(2, 3), h)
    close(whole.energy, parts.energy.sum(0, keepdim=True))
    close(whole.forces, parts.forces)


def test_a_ragged_batch_gives_what_single_graphs_give():
    model, graph = potential(), Graph.complete(num_nodes=SIZES)
    x, h = atoms(8)
    out = model.energy_and_forces(x, graph, h)
    for index, (points, species) in enumerate(zip(x.split(SIZES), h.split(SIZES), strict=True)):
        single = model.energy_and_forces(points, Graph.complete(1, len(points)), species)
        close(out.energy[index : index + 1], single.energy)
        close(out.forces.split(SIZES)[index], single.forces)


def test_scale_and_shift_of_species():
    plain, graph = potential(), Graph.complete(1, 4)
    x, h = atoms(4)
    energy = plain.energy_and_forces(x, graph, h).node_energy
    for scale, shift in (([2.0, 3.0], [5.0, -7.0]), (2.0, [5.0, -7.0]), (4.0, 1.0)):
        model = potential(energy_scale=scale, energy_shift=shift)
        model.load_state_dict(
            {k: v for k, v in plain.state_dict().items() if "scale" not in k and "shift" not in k},
            strict=False,
        )
        scales = torch.as_tensor(scale).expand(2)[torch.arange(4) % 2]
        shifts = torch.as_tensor(shift).expand(2)[torch.arange(4) % 2]
        expected = energy * scales.unsqueeze(-1) + shifts.unsqueeze(-1)
        close(model.energy_and_forces(x, graph, h).node_energy, expected)
        assert {"energy_readout.scale", "energy_readout.shift"} <= set(model.state_dict())


@pytest.mark.parametrize("cutoff", [None, 2.0])
@pytest.mark.parametrize("factor", [0.0, 1e-20, 1e-3, 1e3])
def test_degenerate_input_is_finite_in_training(factor, cutoff):
    model, graph = potential(cutoff=cutoff).float(), Graph.complete(num_nodes=[4, 1])
    x, h = (value.float() for value in atoms(5))
    out = model.energy_and_forces(x * factor, graph, h)
    (out.forces.square().sum() + out.energy.sum()).backward()
    for value in (*out, *(p.grad for p in model.parameters())):
        assert value.isfinite().all()


def test_copies_pickles_and_places():
    model, graph = potential(energy_shift=[1.0, 2.0]), Graph.complete(1, 4)
    x, h = atoms(4)
    expected = model.energy_and_forces(x, graph, h)
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(same.energy_and_forces(x, graph, h).forces, expected.forces)
    with fake_cuda() as cuda:
        there = model.to(cuda)
        species = h.to(cuda)
        out = there(x.to(cuda), graph.to(cuda), species)
        assert there.energy_readout(out.h, species).device == cuda

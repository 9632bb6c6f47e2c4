"""What the energies of `nequip` take, and what they say of all else."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.adapters.test_nequip_energy import atoms, potential


def test_missing_species_are_ones_and_errors_are_named():
    model, graph = potential(), Graph.complete(1, 4)
    x, h = atoms(4)
    ones = model.energy_and_forces(x, graph, torch.ones_like(h))
    assert torch.equal(model.energy_and_forces(x, graph).energy, ones.energy)
    with pytest.raises(TypeError, match="graph must be an eqnorm.Graph, got Tensor"):
        model.energy_and_forces(x, torch.zeros(4, dtype=torch.long), h)
    with pytest.raises(TypeError, match="x must be a tensor of floating point.*got torch.int64"):
        model.energy_and_forces(x.long(), graph)
    with pytest.raises(TypeError, match="x must be a tensor of floating point.*got list"):
        model.energy_and_forces(x.tolist(), graph)
    with pytest.raises(ValueError, match="has no energy: build it with energy=True"):
        eqnorm.create_model("nequip").energy_and_forces(x, graph)
    with pytest.raises(ValueError, match="are of the energy: say energy=True too"):
        eqnorm.create_model("nequip", energy_shift=-3.0)


@pytest.mark.parametrize("value", ["large", [1.0, "a"], float("nan"), [[1.0, 2.0]], [1.0]])
def test_a_scale_that_is_none(value):
    with pytest.raises(ValueError, match="energy_scale must be a finite number, or one for each"):
        potential(energy_scale=value)


def test_positions_made_in_inference_mode():
    model, graph = potential().eval(), Graph.complete(1, 4)
    with torch.inference_mode():
        x = atoms(4)[0]
    found = model.energy_and_forces(x, graph)
    assert torch.equal(found.forces, model.energy_and_forces(x.clone(), graph).forces)

"""Systems of real data in batches, and the symmetry defects of networks on them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import Graph, ModelOutput
from examples.nbody.real import defects
from examples.nbody.real.collate import Systems, join
from tests.examples.nbody.real_case import system


def net(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return eqnorm.create_model("egnn_vel", hidden=8, layers=2, residual=True, **options)


class Absolute(nn.Module):
    """Pulls towards the origin: breaks translations and lattice translations."""

    def forward(self, x, graph, h=None, v=None):
        return ModelOutput(0.9 * x + v, h, v)


class Stretched(nn.Module):
    """Moves along one axis more than along the others: breaks rotations."""

    def forward(self, x, graph, h=None, v=None):
        return ModelOutput(x + v * torch.tensor([1.0, 1.0, 2.0], dtype=x.dtype), h, v)


def test_a_batch_of_two_gives_what_each_system_gives_alone() -> None:
    both, model = Systems([system(seed=1), system(20, seed=2)]), net()
    assert len(both) == 2
    batch = both.__getitems__([0, 1])
    alone = [both[0], both[1]]

    def predicted(given):
        return model(given["x"], given["graph"], h=given["h"], v=given["v"]).x

    whole = predicted(batch)
    assert batch["graph"].periodic
    assert batch["graph"].num_edges == sum(each["graph"].num_edges for each in alone)
    torch.testing.assert_close(whole, torch.cat([predicted(each) for each in alone]))


def test_periodic_and_open_systems_do_not_mix() -> None:
    graphs = [system().graph(), system(box=None).graph()]
    with pytest.raises(ValueError, match="1 of 2 graphs are periodic"):
        join(graphs)


def test_a_sound_network_has_no_defect_and_wrong_ones_do() -> None:
    found = defects.defects(net(), system())
    assert set(found) == {"rotation", "reflection", "translation", "permutation", "lattice"}
    assert max(found.values()) < 1e-9
    pulled, stretched = (defects.defects(m, system()) for m in (Absolute(), Stretched()))
    assert pulled["translation"] > 0.1
    assert pulled["lattice"] > 0.1
    assert pulled["rotation"] < 1e-9
    assert stretched["rotation"] > 0.1
    assert stretched["lattice"] < 1e-9
    assert "lattice" not in defects.defects(net(), system(box=None))


def test_rotating_the_atoms_without_their_box_is_seen() -> None:
    moved = system().rotated(torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q)
    forgotten = dataclasses.replace(moved, box=system().box)
    model = net().double()
    with_box, without = (defects.predict(model, s) - s.x for s in (moved, forgotten))
    assert (with_box - without).abs().max() > 1e-6


def test_a_graph_without_a_box_is_not_periodic() -> None:
    assert not system(box=None).graph().periodic
    assert isinstance(system().graph(), Graph)

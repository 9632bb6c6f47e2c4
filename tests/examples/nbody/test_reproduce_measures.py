"""Defects, transfer and rollouts, against networks whose answers are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import nbody
from examples.nbody.reproduce import measures, rollout


@pytest.fixture(scope="module")
def data() -> nbody.NBodyDataset:
    trajectories = nbody.simulate(6, 5, steps=600, frames=(1, 4), threads=1)
    return nbody.NBodyDataset(trajectories, (1, 4))


class Straight(nn.Module):
    """x + T v: exact where nothing interacts."""

    edge_dim = 2

    def __init__(self, time: float = 0.3, factor: float = 1.0) -> None:
        super().__init__()
        self.time, self.factor = time, factor

    def forward(self, x, graph, h=None, v=None, edge_attr=None):
        return SimpleNamespace(x=(x + self.time * v) * self.factor)


def test_mean_error_is_that_of_all_at_once(data: nbody.NBodyDataset):
    guess = data.x.double() + 0.3 * data.v.double()
    wanted = (guess - data.y.double()).square().mean().item()
    # Batches of different sizes: a mean of means would be wrong.
    assert measures.mean_error(Straight(), data, batch_size=4) == pytest.approx(wanted, rel=1e-5)


def test_the_first_systems_share_memory(data: nbody.NBodyDataset):
    part = measures.first(data, 2)
    assert len(part) == 2
    assert len(data) == 6
    assert part.x.data_ptr() == data.x.data_ptr()


def test_parameters_for_each_particle_break_permutations(data: nbody.NBodyDataset):
    torch.manual_seed(0)
    options = {"hidden": 8, "layers": 2, "edge_dim": 2}
    shared = eqnorm.create_model("egnn_vel", norm="geonorm", **options)
    own = eqnorm.create_model("egnn_vel", norm=("geonorm", {"per_particle": 5}), **options)
    assert measures.permutation_defect(shared, data, seed=0) < 1e-12
    assert measures.permutation_defect(own, data, seed=0) < 1e-12  # all gains are still one
    with torch.no_grad():
        for name, value in own.named_parameters():
            if name.endswith("gain"):
                value += 0.1 * torch.arange(len(value))[:, None]
    assert measures.permutation_defect(own, data, seed=0) > 1e-2
    assert next(own.parameters()).dtype == torch.float32  # a copy was measured


def free(**parameters) -> nbody.Trajectories:
    return nbody.simulate(
        3, 4, steps=1300, frames=(1, 4, 7, 10), interaction=0.0, threads=1, **parameters
    )


def test_free_particles_are_rolled_out_exactly():
    truth = free()
    found = rollout.roll(Straight(0.3), truth, coefficient=0.3)
    assert found.x.shape == found.true.shape == (4, 3, 4, 3)
    assert found.error.max() < 1e-10
    assert found.ballistic.max() < 1e-10
    assert found.centre.max() < 1e-5
    np.testing.assert_allclose(
        found.no_motion, [np.square(0.3 * k * truth.vel[:, 0]).mean() for k in range(4)], rtol=1e-3
    )


def test_drift_is_seen():
    truth = nbody.simulate(3, 4, steps=1300, frames=(1, 4, 7, 10), threads=1)
    still = rollout.roll(Straight(0.0), truth, coefficient=0.3)
    assert still.error == pytest.approx(still.no_motion, rel=1e-5)
    assert still.energy[1] > 10 * still.true_energy[1]  # the kinetic part is gone
    wandering = rollout.roll(Straight(0.3, factor=1.5), truth, coefficient=0.3)
    assert wandering.centre[-1] > 10 * rollout.roll(Straight(0.3), truth, 0.3).centre[-1]


def test_a_network_that_runs_away_ends_in_infinite_errors_and_not_in_an_exception():
    found = rollout.roll(Straight(0.3, factor=1e30), free(), coefficient=0.3)
    assert found.error[-1] == found.energy[-1] == found.centre[-1] == np.inf
    assert np.isfinite(found.no_motion).all()


def test_the_true_trajectory_has_a_frame_for_every_step(tmp_path):
    truth = rollout.simulate(1, 5, (1, 4), steps=2, seed=7, cache=tmp_path)
    assert truth.frames.tolist() == [1, 4, 7]
    again = nbody.simulate(1, 5, seed=7, frames=(1, 4, 7), threads=1)
    np.testing.assert_array_equal(truth.loc, again.loc)

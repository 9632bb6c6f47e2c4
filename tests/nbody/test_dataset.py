"""Data sets: which frames, which features, in which order; and the trivial baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from eqnorm import nbody


@pytest.fixture(scope="module")
def whole() -> nbody.Trajectories:
    return nbody.simulate(10, 4, steps=4200, seed=1)


@pytest.mark.parametrize(
    ("task", "frames"), [("nbody", (6, 8)), ("nbody_small", (30, 40)), ((2, 5), (2, 5))]
)
def test_frames_of_a_task(whole: nbody.Trajectories, task: Any, frames: tuple[int, int]) -> None:
    data = nbody.NBodyDataset(whole, task, dtype=torch.float64)
    assert data.task == nbody.task_frames(task) == frames
    assert np.array_equal(data.x, whole.loc[:, frames[0]])
    assert np.array_equal(data.v, whole.vel[:, frames[0]])
    assert np.array_equal(data.y, whole.loc[:, frames[1]])


def test_items_and_edge_order_are_those_of_the_official_loop(whole: nbody.Trajectories) -> None:
    data = nbody.NBodyDataset(whole, dtype=torch.float64)
    item = data[3]
    loc, charges = whole.at(30)[0][3], whole.charges[3]
    expected = [
        [charges[i] * charges[j], ((loc[i] - loc[j]) ** 2).sum()]
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    assert torch.allclose(item.edge_attr, torch.tensor(expected), rtol=1e-14)
    assert torch.allclose(item.h[:, 0], item.v.norm(dim=1))
    senders, receivers = data.edge_index
    assert receivers.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert senders.tolist() == [1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2]


def test_batches_are_the_items_one_after_the_other(whole: nbody.Trajectories) -> None:
    data = nbody.NBodyDataset(whole)
    batches = list(data.batches(4))
    assert [b.num_graphs for b in batches] == [4, 4, 2]
    assert [b.num_graphs for b in data.batches(4, drop_last=True)] == [4, 4]
    for name in nbody.Item._fields:
        flat = torch.cat([getattr(batch, name) for batch in batches])
        assert torch.equal(flat, torch.cat([getattr(item, name) for item in data]))
    batch = batches[0]
    assert batch.x.shape == (16, 3)
    assert batch.edge_attr.shape == (48, 2)
    senders, receivers = batch.edge_index
    distance = (batch.x[receivers] - batch.x[senders]).square().sum(1)
    assert torch.allclose(distance, batch.edge_attr[:, 1])
    assert torch.equal(
        batch.charges[receivers, 0] * batch.charges[senders, 0], batch.edge_attr[:, 0]
    )
    assert torch.equal(batch.to("cpu").y, batch.y)


def test_graph_of_a_batch_has_the_edges_of_its_attributes(whole: nbody.Trajectories) -> None:
    pytest.importorskip("eqnorm.graph")
    batch = next(nbody.NBodyDataset(whole).batches(3))
    graph = batch.graph()
    assert graph.num_graphs == 3
    assert torch.equal(graph.edge_index, batch.edge_index)


def test_shuffling(whole: nbody.Trajectories) -> None:
    data = nbody.NBodyDataset(whole)

    def order(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([b.x for b in data.batches(3, shuffle=True, generator=generator)])

    assert torch.equal(order(0), order(0))
    assert not torch.equal(order(0), order(1))
    assert torch.equal(order(0).sort(0).values, data.x.reshape(-1, 3).sort(0).values)


def test_works_with_torchs_loader(whole: nbody.Trajectories) -> None:
    data: Any = nbody.NBodyDataset(whole)
    item = next(iter(torch.utils.data.DataLoader(data, batch_size=5)))
    assert isinstance(item, nbody.Item)
    assert item.x.shape == (5, 4, 3)
    assert item.edge_attr.shape == (5, 12, 2)


def test_features(whole: nbody.Trajectories) -> None:
    data = nbody.NBodyDataset(whole, features=("charge", "speed", "ones"), limit=6)
    assert data.h.shape == (6, 4, 3)
    assert torch.equal(data.h[..., 0], data.charges[..., 0])
    assert torch.equal(data.h[..., 2], torch.ones(6, 4))


def test_centring_in_float64_keeps_what_float32_would_lose(whole: nbody.Trajectories) -> None:
    far = nbody.Trajectories(whole.loc + 1e4, whole.vel, whole.charges, whole.frames, whole.config)
    near = nbody.NBodyDataset(whole, center=True, dtype=torch.float64)
    centred = nbody.NBodyDataset(far, center=True)
    raw = nbody.NBodyDataset(far)
    assert near.x.mean(1).abs().max() < 1e-14
    assert (centred.x - near.x).abs().max() < 1e-6
    assert (centred.y - near.y).abs().max() < 1e-5
    late = raw.x.double() - raw.x.double().mean(1, keepdim=True)
    assert (late - near.x).abs().max() > 1e-4
    shift = nbody.NBodyDataset(whole, dtype=torch.float64)
    assert torch.allclose(near.y - near.x, shift.y - shift.x, atol=1e-13)


def test_default_splits_keep_two_frames_and_follow_one_seed() -> None:
    sets = nbody.load_datasets(5, sizes=(6, 4, 3), max_train=5)
    assert [len(part) for part in sets] == [5, 4, 3]
    loc, _ = nbody.simulate(13, 5).at(30)
    assert np.allclose(sets.val.x, loc[6:10], atol=1e-6)
    assert np.allclose(sets.test.x, loc[10:], atol=1e-6)


def test_baselines_are_those_of_a_loop(whole: nbody.Trajectories) -> None:
    train = nbody.NBodyDataset(whole[:6], dtype=torch.float64)
    test = nbody.NBodyDataset(whole[6:], dtype=torch.float64)
    x, v = whole.at(30)
    y, _ = whole.at(40)
    assert nbody.no_motion(test) == pytest.approx(((y[6:] - x[6:]) ** 2).mean())
    a = np.linalg.lstsq(v[:6].reshape(-1, 1), (y[:6] - x[:6]).reshape(-1), rcond=None)[0][0]
    fit = nbody.linear(train, test)
    assert fit.coefficient == pytest.approx(a)
    assert fit.mse == pytest.approx(((y[6:] - x[6:] - a * v[6:]) ** 2).mean())
    middle = x[6:].mean(1, keepdims=True)
    assert nbody.centre(test) == pytest.approx(((y[6:] - middle) ** 2).mean())


def test_baselines_have_the_sizes_known() -> None:
    """N = 20: no motion 0.33, x + a v 0.11 (measured on other data of the same kind)."""
    sets = nbody.load_datasets(20, sizes=(100, 1, 100))
    assert 0.2 < nbody.no_motion(sets.test) < 0.6
    fit = nbody.linear(sets.train, sets.test)
    assert 0.5 < fit.coefficient < 1.2
    assert fit.mse < 0.7 * nbody.no_motion(sets.test)

"""What layers in torch keep for the gradient: lent again, bounded, and without effect."""

from __future__ import annotations

import gc
import multiprocessing

import pytest
import torch

import eqnorm_adapters
from eqnorm import Graph
from eqnorm_adapters._egnn.in_torch import edges, kept
from eqnorm_adapters._egnn.memory import Pool
from tests.adapters.egnn_case import build, gradients, inputs

pytestmark = pytest.mark.usefixtures("torch_alone")


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    """An empty one, for tensors of any size."""
    monkeypatch.setattr(kept, "_LEAST", 0)
    monkeypatch.setattr(kept, "POOL", Pool(kept.MOST))
    return kept.POOL


def all_is_free(pool) -> bool:
    return pool.held == 4 * sum(block.numel() for block in pool.free) > 0


@pytest.mark.parametrize("ways", [2, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lent_memory_changes_nothing(dtype, ways, pool, monkeypatch):
    monkeypatch.setattr(edges, "_MANY", 0 if ways == 2 else edges._MANY)
    model, graph = build("egnn_vel").to(dtype), Graph.complete(3, 6)
    given = {name: value.to(dtype) for name, value in inputs(model, graph).items()}
    found = [gradients(model, given, graph) for _ in range(2)]
    assert all_is_free(pool)
    size = 4 if dtype == torch.float32 else 8
    assert pool.held >= ways * len(model.layers) * graph.num_edges * model.layers[0].width * size
    pool.most = 0  # no room for any
    found.append(gradients(model, given, graph))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_it_comes_back_with_the_last_tensor(pool):
    one = kept.lent(torch.ones(1), 4, 5)
    assert one.shape == (4, 5)
    assert one.is_contiguous()
    place, part = one.data_ptr(), one.detach()[1:2]
    del one
    assert not pool.free
    part.fill_(3.0)
    del part
    assert [block.data_ptr() for block in pool.free] == [place]
    again = kept.lent(torch.ones(1, dtype=torch.float64), 2, 4)
    assert again.dtype == torch.float64
    assert again.data_ptr() == place
    assert not pool.free


def test_where_there_is_no_room(pool, monkeypatch):
    pool.most = 4 * 32
    one = kept.lent(torch.ones(1), 32)
    more = kept.lent(torch.ones(1), 8)
    assert more.shape == (8,)
    assert pool.held == 4 * 32
    del one, more
    assert len(pool.free) == 1
    assert kept.lent(torch.ones(1, device="meta"), 8).device.type == "meta"
    monkeypatch.setattr(kept, "_LEAST", 64)
    small = kept.lent(torch.ones(1), 8)
    assert len(pool.free) == 1
    del small
    assert len(pool.free) == 1


def test_a_graph_that_lives_on_holds_nothing_after_its_gradient(pool):
    model, graph = build("egnn_vel"), Graph.complete(3, 6)
    given = inputs(model, graph)
    loss = model(graph=graph, **given).x.square().sum()
    assert not all_is_free(pool)
    loss.backward()
    assert all_is_free(pool)
    held = pool.held
    out = model(graph=graph, **given)
    assert not all_is_free(pool)
    del out  # without a gradient
    gc.collect()
    assert all_is_free(pool)
    with torch.no_grad():
        out = model(graph=graph, **given)
    assert all_is_free(pool)
    assert pool.held == held
    del out


def test_what_is_free_can_be_given_back(pool):
    one, two = (kept.lent(torch.ones(1), n) for n in (8, 5))
    del one
    eqnorm_adapters.empty_cache()
    assert not pool.free
    assert pool.held == 4 * 5
    del two
    assert len(pool.free) == 1
    eqnorm_adapters.empty_cache()
    assert pool.held == 0


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="processes are not forked here"
)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # which is what this is about
def test_a_process_forked_while_a_thread_takes_memory(pool):
    with pool._lock:
        child = multiprocessing.get_context("fork").Process(target=pool.take, args=(8, 8))
        child.start()
        child.join(20)
    ended = child.exitcode
    child.kill()
    assert ended == 0

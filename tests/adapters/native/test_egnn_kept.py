"""What the compiled kernel keeps for the gradient: bounded, lent again, and without effect."""

from __future__ import annotations

import gc

import pytest
import torch

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import kept as egnn_kept
from eqnorm_adapters._egnn.compiled.kept import lend
from eqnorm_adapters._egnn.memory import Pool
from tests.adapters.native.egnn_case import GRAPHS, OPTIONS, build, inputs, results


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    """An empty one."""
    monkeypatch.setattr(egnn_kept, "POOL", Pool(egnn_kept.MOST))
    return egnn_kept.POOL


@pytest.mark.parametrize("options", ["plain", "attention, tanh", "a norm"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("graph", [name for name in GRAPHS if name != "alone"])
def test_kept_or_computed_anew(graph, threads, options, compiled, pool):
    if graph == "periodic" and options == "a norm":
        options = "plain"  # GeoNorm has no meaning in a box
    model, g, before = build(**OPTIONS[options]), GRAPHS[graph](), torch.get_num_threads()
    if threads > 1 and graph in ("complete", "in no order"):
        g = Graph.complete(2, 15 if graph == "complete" else 16)  # enough for more than one part
    given = inputs(model, g)
    try:
        torch.set_num_threads(threads)
        kept = results(model, g, given, True)
        whole = 4 * 2 * 16 * g.num_edges
        assert pool.held >= whole * len(model.layers)
        pool.free.clear()
        pool.held = 0
        pool.most = whole * 5 // 3  # of the second layer a part
        some = results(model, g, given, True)
        assert pool.held in range(whole * 5 // 3 - 3, whole * 5 // 3 + 1)
        pool.most = 0
        anew = results(model, g, given, True)
    finally:
        torch.set_num_threads(before)
    for one in (kept, some):
        for ours, expected in zip(one[0] + one[1], anew[0] + anew[1], strict=True):
            assert torch.equal(ours, expected)


def test_what_is_given_back_is_lent_again(compiled, pool):
    model, graph = build(), Graph.complete(3, 6)
    given = inputs(model, graph)
    results(model, graph, given, True)
    blocks = {block.data_ptr() for block in pool.free}
    assert len(blocks) == len(model.layers)
    results(model, graph, given, True)
    assert {block.data_ptr() for block in pool.free} == blocks


@pytest.mark.parametrize("options", ["plain", "a norm"])
def test_a_graph_gone_through_twice(options, compiled):
    model, graph = build(**OPTIONS[options]), Graph.complete(3, 6)
    given = inputs(model, graph)
    loss = model(graph=graph, **given).x.square().sum()
    parameters = list(model.layers[0].edge_mlp.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    other = model(graph=graph, **inputs(model, graph)).x.square().sum()  # takes what was given back
    second = torch.autograd.grad(loss, parameters)
    other.backward()
    assert all(torch.equal(p, q) for p, q in zip(first, second, strict=True))


@pytest.mark.parametrize("options", ["plain", "a norm"])
def test_other_threads_for_the_gradient(options, compiled):
    model, graph, before = build(**OPTIONS[options]), Graph.complete(2, 16), torch.get_num_threads()
    given, found = inputs(model, graph), []
    parameters = list(model.layers[0].edge_mlp.parameters())
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            loss = model(graph=graph, **given).x.square().sum()
            torch.set_num_threads(4 - threads)
            found.append(torch.autograd.grad(loss, parameters))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(one.abs().max()))


def test_nothing_is_kept_where_there_will_be_no_gradient(compiled, pool):
    model, graph = build(), Graph.complete(3, 6)
    given = inputs(model, graph)
    with torch.no_grad():
        model(graph=graph, **given)
    model.requires_grad_(False)
    model(graph=graph, **given)
    assert pool.held == 0
    model.requires_grad_(True)
    out = model(graph=graph, **given)
    assert pool.held > 0
    assert not pool.free
    del out  # without a gradient
    gc.collect()
    assert len(pool.free) == len(model.layers)


def test_the_bound(pool):
    pool.most = 4 * 128
    one, two = lend(32, 2), lend(21, 3)
    assert one.block.shape == two.block.shape == (64,)
    assert (one.edges, two.edges) == (32, 21)
    assert lend(1, 1) is None
    assert lend(0, 2) is None
    del one
    small = lend(10, 1)  # not the free block, of which most would be wasted: that goes
    assert pool.held == 4 * (64 + 10)
    part = lend(50, 2)
    assert part.block.shape == (54,)
    assert part.edges == 27
    assert pool.held == 4 * 128
    del two, small, part
    assert lend(1000, 1).edges == 128
    assert lend(2000, 1) is None  # too few of them
    assert pool.held <= 4 * 128


def test_batches_of_about_one_size_share_blocks(pool):
    place = lend(19_000, 128).block.data_ptr()
    assert lend(18_750, 128).block.data_ptr() == place
    assert pool.held == pool.most // 4

"""The convolution piece by piece in torch: the plain sums, their gradients, and when it is used."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch.func import grad

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._again import gradients_of_gradients, once_only
from eqnorm_adapters._conv import blocks as conv_blocks
from eqnorm_adapters._conv import convolution
from eqnorm_adapters._conv.convolution import Convolution
from eqnorm_adapters._pairs import pairs_of
from tests.adapters.native.conv_case import (
    GRAPHS,
    LAYERS,
    build,
    error,
    inputs,
    listed,
    results,
    switched,
)


class Calls:
    """Counts what is done piece by piece, and lets any number of edges be so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, whole = 0, conv_blocks.blocked_sums

        def counted(*given):
            self.count += 1
            return whole(*given)

        monkeypatch.setattr(conv_blocks, "blocked_sums", counted)
        monkeypatch.setattr(conv_blocks, "FROM", 1)
        # No more than 64 edges at a time, so that several pieces add up.
        monkeypatch.setattr(conv_blocks, "BYTES", 1)
        for limit in ("_FACTORED_FROM", "_FACTORED_FROM_PIECES"):
            monkeypatch.setattr(convolution, limit, float("inf"))


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_two_derivatives_are_those_of_the_plain_sums(name, graph, monkeypatch):
    layer, g = build(name), GRAPHS[graph]()
    calls = Calls(monkeypatch)
    for pairs in {pairs_of(g), None}:
        given = inputs(layer, g, pairs)
        for second in (False, True):
            calls.count = 0
            ours = results(layer, g, given, False, True, pairs, second)
            assert calls.count == 1
            with gradients_of_gradients():
                plain = results(layer, g, given, False, True, pairs, second)
            assert calls.count == 1
            assert error(ours, plain) < 1e-11


def test_a_block_from_which_no_path_starts(monkeypatch):
    layer = Convolution(o3.Irreps("2x4e+2x0e+3x1o"), 1, o3.Irreps("2x0e+3x1o"), 4)
    assert [len(block.paths) for block in layer.blocks] == [0, 2, 2]
    graph, calls = listed(8, 90), Calls(monkeypatch)
    given = inputs(layer, graph)
    ours = results(layer, graph, given, False, True)
    assert calls.count == 1
    with gradients_of_gradients():
        assert error(ours, results(layer, graph, given, False, True)) < 1e-11
    assert not ours[1][:, :18].any()


def test_single_precision_rounds_as_the_plain_sums_do(monkeypatch):
    layer, g = build("up to degree 3"), listed(50, 900)
    calls, given = Calls(monkeypatch), inputs(layer, g)
    with gradients_of_gradients():
        exact = results(layer, g, given, False, True)
        plain = error(results(layer, g, given, False), exact)
    assert calls.count == 0
    assert error(results(layer, g, given, False), exact) < 2 * plain < 1e-6
    assert calls.count == 1


def test_gradients_that_nobody_wants_are_not_made(monkeypatch):
    layer, g, calls = build(), listed(20, 300), Calls(monkeypatch)
    h, u, phi = inputs(layer, g)
    with switched(False):
        layer(h, u, phi.requires_grad_(), g).square().sum().backward()
        assert u.grad is None
        with torch.no_grad():
            assert not layer(h, u, phi, g).requires_grad
    assert calls.count == 2


def test_nothing_of_the_size_of_all_messages_is_kept(monkeypatch):
    layer, g = build(), listed(40, 2000)
    given = [t.requires_grad_() for t in inputs(layer, g)]
    kept: list[int] = []

    def keep(t: torch.Tensor) -> torch.Tensor:
        kept.append(t.numel())
        return t

    def largest() -> int:
        kept.clear()
        with switched(False), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            layer(*given, g)
        return max(kept)

    assert largest() <= 2000 * 16
    with gradients_of_gradients():
        assert largest() >= 2000 * 16 * 9


def test_where_it_does_not_apply(monkeypatch):
    calls, graph = Calls(monkeypatch), listed(20, 300)

    def used(dtype=torch.float32, graph=graph) -> bool:
        layer = build().to(dtype)
        calls.count = 0
        with switched(False):
            layer(*(value.to(dtype) for value in inputs(layer, graph)), graph)
        return calls.count > 0

    assert used()
    assert used(torch.float64)
    assert not used(torch.bfloat16)
    assert not used(graph=Graph.complete(3, 1))
    with torch.autocast("cpu", torch.bfloat16):
        assert not used()
    with gradients_of_gradients():
        assert not used()
    assert once_only()
    monkeypatch.setattr(conv_blocks, "FROM", 301)
    assert not used()
    monkeypatch.setattr(conv_blocks, "FROM", 300)
    assert used()
    layer = build()
    h, u, phi = inputs(layer, graph)
    calls.count = 0
    with switched(False):
        (by_func,) = grad(lambda u: layer(h, u, phi, graph).sin().sum(), argnums=(0,))(u)
        assert calls.count == 0
        loss = layer(h, u.requires_grad_(), phi, graph).sin().sum()
    (in_pieces,) = torch.autograd.grad(loss, u)
    assert calls.count == 1
    torch.testing.assert_close(by_func, in_pieces, rtol=1e-3, atol=1e-3)


def test_narrow_radial_networks_of_large_complete_graphs_sum_before_they_couple(monkeypatch):
    calls = Calls(monkeypatch)
    monkeypatch.setattr(convolution, "_FACTORED_FROM_PIECES", 4.0)

    def in_pieces(hidden: int, nodes: int) -> bool:
        layer = Convolution(o3.Irreps("1x0e+1x1o"), 1, o3.Irreps("1x0e+1x1o"), hidden)
        graph, calls.count = Graph.complete(1, nodes), 0
        with switched(False):
            layer(*inputs(layer, graph), graph)
        return calls.count == 1

    assert in_pieces(5, 20)
    assert not in_pieces(5, 21)
    assert not in_pieces(24, 97)
    assert in_pieces(25, 101)


def test_forces_in_training_take_the_plain_way_and_those_in_use_do_not(monkeypatch):
    calls = Calls(monkeypatch)
    model = eqnorm.create_model("nequip", layers=2, hidden=2, cutoff=2.5, energy=True)
    x = torch.rand(9, 3) * 2
    with switched(False):
        model.energy_and_forces(x, Graph.complete(1, 9))
        assert calls.count == 0
        model.eval().energy_and_forces(x, Graph.complete(1, 9))
        assert calls.count == 2


@pytest.mark.parametrize("name", ["tfn", "nequip"])
def test_models_give_the_same_either_way(name, monkeypatch):
    calls, model = Calls(monkeypatch), eqnorm.create_model(name, layers=2, hidden=4).double()
    graph = listed(12, 140)
    x, v = torch.randn(2, 12, 3, dtype=torch.float64)
    found = []
    for again in (False, True):
        model.zero_grad()
        with gradients_of_gradients(again), switched(False):
            out = model(x, graph, v=v)
            (out.x.square().sum() + out.h.square().sum()).backward()
        grads = [p.grad for p in model.parameters() if p.numel() and p.grad is not None]
        found.append([out.x.detach(), out.h.detach(), *grads])
    assert calls.count == 2
    assert error(*found) < 1e-11

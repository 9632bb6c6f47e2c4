"""The linear maps around the layers of an EGNN: one compilation, whatever the number of nodes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.embedding import embed
from tests.adapters.egnn_case import build, gradients, inputs
from tests.adapters.native.egnn_case import error


@pytest.fixture(autouse=True)
def anew():
    torch.compiler.reset()


@pytest.mark.parametrize("on", [False, True])
def test_no_sum_over_nodes_is_left_to_the_compiler(on, monkeypatch):
    monkeypatch.setattr(native._library, "_wanted", on)
    found = []

    def keep(graph, _):
        found.append([str(node.target) for node in graph.graph.nodes])
        return make_boxed_func(graph.forward)

    model, graph = build("egnn", hidden=16, out_dim=3).float(), Graph.complete(4, 8)
    given = {name: value.float() for name, value in inputs(model, graph).items()}
    backend = aot_autograd(fw_compiler=keep, bw_compiler=keep)
    compiled = torch.compile(model, backend=backend, fullgraph=True, dynamic=True)
    results = [gradients(run, given, graph) for run in (compiled, model)]
    assert error(*results) < 1e-5
    forward, backward = found[-2:]
    assert any("egnn" in name for name in forward)
    assert any("egnn" in name for name in backward)
    assert not any("sum" in name for name in backward)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("autocast", [True, False])
def test_the_same_as_the_module(autocast, bias):
    linear, x = nn.Linear(3, 5, bias=bias), torch.randn(7, 3)

    def run(call):
        linear.zero_grad()
        with torch.autocast("cpu", enabled=autocast):
            out = call(linear, x)
        out.float().sin().sum().backward()
        return [out.detach().float(), *(p.grad for p in linear.parameters())]

    ours = run(torch.compile(embed, backend="eager", fullgraph=True))
    close = {"rtol": 2e-2, "atol": 2e-2} if autocast else {}
    for value, expected in zip(ours, run(embed), strict=True):
        torch.testing.assert_close(value, expected, **close)


def test_what_someone_looks_at_is_called():
    linear, seen = nn.Linear(3, 5), []
    linear.register_forward_hook(lambda *_: seen.append(1))
    embed(linear, torch.randn(2, 3))
    torch.compile(embed, backend="eager")(linear, torch.randn(2, 3))
    assert len(seen) == 2


def test_what_the_module_refuses_is_refused():
    linear, x = nn.Linear(3, 5).double(), torch.randn(7, 3)
    for call in (embed, torch.compile(embed, backend="eager", fullgraph=True)):
        with pytest.raises(RuntimeError, match="dtype"):
            call(linear, x)

"""Every registered backbone on other devices, under the compiler, copied and stored.

Like `test_backbones`, whose controls are these checks' too.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import torch

import eqnorm
from eqnorm import Graph
from tests.contract.backbone_case import (
    BARE_AND_NORMED,
    NORMED,
    SIZES,
    Build,
    builder,
    close,
    every,
    inputs,
)
from tests.fake_cuda import fake_cuda


def check_device(build: Build, **options: Any) -> None:
    """On a pretended CUDA device: no tensor of another one, and no wait for a value."""
    model = build(**options)
    with torch.no_grad(), fake_cuda() as cuda:
        there = model.to(cuda)
        for graph in (Graph.complete(2, 4), Graph.complete(num_nodes=SIZES)):
            given = {key: value.to(cuda) for key, value in inputs(graph, torch.float32).items()}
            out = there(graph=graph.to(cuda), **given)
            assert out.x.device == cuda
            assert out.h.device == cuda


@every
@BARE_AND_NORMED
def test_everything_is_where_the_parameters_are(name: str, norms: dict[str, str]) -> None:
    check_device(builder(name), **norms)


def check_compile(build: Build, **options: Any) -> None:
    torch._dynamo.reset()
    model, graph = build(**options).double(), Graph.complete(2, 4)
    given = inputs(graph)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    found, expected = compiled(graph=graph, **given), model(graph=graph, **given)
    close(found.x, expected.x, 1e-12)
    close(found.h, expected.h, 1e-12)
    (found.x.sum() + found.h.sum()).backward()


@every
def test_compiles_as_one_graph(name: str) -> None:
    check_compile(builder(name), **NORMED)


def check_copies(build: Build, **options: Any) -> None:
    """Deep copies, pickles and state dicts hold all there is; they share nothing."""
    model, graph = build(**options), Graph.complete(2, 4)
    given = inputs(graph, torch.float32)
    expected = model(graph=graph, **given)
    other = build(seed=1, **options)
    assert not torch.equal(other(graph=graph, **given).x, expected.x)
    other.load_state_dict(model.state_dict())
    for same in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        out = same(graph=graph, **given)
        assert torch.equal(out.x, expected.x)
        assert torch.equal(out.h, expected.h)
        assert eqnorm.contract_of(same) == eqnorm.contract_of(model)
        with torch.no_grad():
            for parameter in same.parameters():
                parameter.zero_()
    assert torch.equal(model(graph=graph, **given).x, expected.x)


@every
@BARE_AND_NORMED
def test_deepcopy_pickle_and_state_dict(name: str, norms: dict[str, str]) -> None:
    check_copies(builder(name), **norms)

"""Every registered norm in a batch: each graph by itself, the scope declared, padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from eqnorm import Graph
from tests.contract.norm_cases import (
    SIZES,
    NormCase,
    call,
    ragged,
)
from tests.contract.uniform_case import N, close, default, every


def settled(case: NormCase) -> nn.Module:
    """In float64, and in evaluation mode where training would read other graphs."""
    norm = case.build().double()
    return norm.eval() if case.spec.scope == "batch" else norm


@every
def test_a_ragged_batch_equals_its_graphs_one_by_one(case: NormCase) -> None:
    norm, inputs = settled(case), case.inputs(N)
    together = call(norm, ragged(), inputs).split(SIZES)
    for i, out in enumerate(together):
        alone = {name: value.split(SIZES)[i] for name, value in inputs.items()}
        close(out, call(norm, None, alone))


@every
def test_without_what_is_optional(case: NormCase) -> None:
    norm = settled(case)
    for name in case.spec.optional:
        out = call(norm, ragged(), case.inputs(N, without=[name]))
        assert out.isfinite().all()


@default
def test_scope_is_what_is_said(case: NormCase) -> None:
    """Changing another node, or another graph, changes the output if and only if it is in scope."""
    norm = case.build().double()
    sizes = (3, 4, 3)
    graph = Graph.complete(num_nodes=sizes)
    before = case.inputs(10)
    after = {name: value.clone() for name, value in before.items()}
    for value in after.values():
        value[4] += 1.0
    changed = (call(norm, graph, before) - call(norm, graph, after)).abs().amax(1) > 1e-9
    same_graph, other_graphs = changed[[3, 5, 6]].any(), changed[[0, 1, 2, 7, 8, 9]].any()
    assert bool(same_graph) == (case.spec.scope != "node")
    assert bool(other_graphs) == (case.spec.scope == "batch")


@default
def test_a_batch_vector_is_as_good_as_a_graph(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(N)
    close(call(norm, ragged().batch, inputs), call(norm, ragged(), inputs))
    shuffled = torch.randperm(N)
    mixed = {name: value[shuffled] for name, value in inputs.items()}
    expected = call(norm, ragged(), inputs)[shuffled]
    close(call(norm, ragged().batch[shuffled], mixed), expected)


@every
@pytest.mark.parametrize("garbage", [1e6, float("nan")])
def test_padding_enters_no_statistic(case: NormCase, garbage: float) -> None:
    norm, inputs = case.build().double(), case.inputs(N)
    mask = torch.arange(max(SIZES)) < torch.tensor(SIZES)[:, None]
    flat = mask.flatten()
    padded = {}
    for name, value in inputs.items():
        padded[name] = value.new_full((len(flat), value.shape[1]), garbage)
        padded[name][flat] = value
    out = call(norm, Graph.from_mask(mask), padded)
    close(out[flat], call(norm, ragged(), inputs))


@default
def test_padding_gets_no_gradient(case: NormCase) -> None:
    norm = case.build().double()
    mask = torch.arange(max(SIZES)) < torch.tensor(SIZES)[:, None]
    inputs = {name: v.requires_grad_() for name, v in case.inputs(mask.numel()).items()}
    out = call(norm, Graph.from_mask(mask), inputs)
    (out * torch.randn_like(out))[mask.flatten()].sum().backward()
    for value in inputs.values():
        assert value.grad is None or not value.grad[~mask.flatten()].any()

"""Ways of declaring inputs and outputs, samples, dtypes, modes."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import eqnorm
from eqnorm.testing import assert_equivariant, equivariance_report, strategies

Pair = namedtuple("Pair", "x h")


def with_graph(x: Tensor, graph: eqnorm.Graph, edge_attr: Tensor, u: Tensor) -> Pair:
    d = x[graph.senders] - x[graph.receivers]
    weight = torch.tanh(edge_attr.sum(-1, keepdim=True))
    moved = x + 0.1 * graph.aggregate(d / (1 + d.square().sum(-1, keepdim=True)) * weight)
    return Pair(moved + graph.spread(u), graph.sum(d.new_ones(x.shape[0], 1)))


GRAPH = {"x": "points", "graph": "graph", "edge_attr": "edge:2x0e", "u": "graph:1o"}


def test_graph_edge_and_graph_level_tensors() -> None:
    output = {"x": "points", "h": "graph:0e"}
    report = assert_equivariant(with_graph, inputs=GRAPH, output=output, group="E3", quick=True)
    assert report.examples == 24
    assert_equivariant(with_graph, inputs=GRAPH, output=Pair("points", None), quick=True)

    def wrong(x: Tensor, graph: eqnorm.Graph, edge_attr: Tensor, u: Tensor) -> Pair:
        return with_graph(x, graph, edge_attr.flip(0), u)

    report = equivariance_report(wrong, inputs=GRAPH, output=output, quick=True)
    assert "permutation" in report.names


def test_edge_level_outputs() -> None:
    def lengths(pos: Tensor, edge_index: Tensor) -> Tensor:
        return (pos[edge_index[0]] - pos[edge_index[1]]).square().sum(-1, keepdim=True)

    inputs = {"pos": "points", "edge_index": "edge_index"}
    assert_equivariant(lengths, inputs=inputs, output="edge:0e", quick=True)
    # As many edges as nodes in a pair: settled by other inputs.
    assert_equivariant(lengths, inputs=inputs, output="0e", quick=True)


@pytest.mark.parametrize("irreps", ["8x0e+4x1o+2x2e", o3.Irreps("2x0o+1x1e+1x3o")])
def test_irreps_as_string_or_object(irreps: Any) -> None:
    linear = o3.Linear(irreps, irreps)
    assert_equivariant(linear, inputs={"features": irreps}, output=irreps, group="O3", quick=True)


def test_scalars_for_the_whole_system() -> None:
    assert_equivariant(
        lambda pos: torch.cdist(pos, pos).square().sum(), inputs={"pos": "points"}, output="0e",
        group="E3", quick=True,
    )  # fmt: skip


def test_fixed_arguments_come_from_the_sample() -> None:
    def scaled(pos: Tensor, factor: float) -> Tensor:
        center = pos.mean(0)
        return center + factor * (pos - center)

    inputs = {"pos": "points", "factor": None}
    assert_equivariant(scaled, inputs=inputs, output="points", quick=True,
                       sample={"pos": torch.randn(4, 3), "factor": 0.5})  # fmt: skip
    with pytest.raises(TypeError, match="inputs lacks 'factor'.*or None with a value in sample"):
        equivariance_report(scaled, inputs=inputs, output="points", quick=True)


def test_samples_as_list_and_as_strategy() -> None:
    def over_ten(pos: Tensor) -> Tensor:
        return pos.clamp(max=10.0)

    options: dict[str, Any] = {"inputs": {"pos": "points"}, "output": "points", "group": "O3"}
    small, large = {"pos": torch.randn(3, 3)}, {"pos": 20 * torch.randn(3, 3)}
    assert equivariance_report(over_ten, sample=[small], **options).ok
    assert not equivariance_report(over_ten, sample=[small, large], **options).ok
    drawn = strategies.systems({"pos": "points"}, min_scale=100.0)
    assert not equivariance_report(over_ten, sample=drawn, **options).ok
    few = st.builds(lambda s: {"pos": s * torch.randn(3, 3)}, st.floats(0.01, 1.0))
    assert equivariance_report(over_ten, sample=few, quick=True, **options).ok


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_dtypes(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 2))
    report = assert_equivariant(
        model, inputs={"input": "4x0e"}, output="2x0e", group="E3", dtype=dtype, quick=True
    )
    assert report.dtype == str(dtype).removeprefix("torch.")
    assert next(model.parameters()).dtype == torch.float32


def test_train_mode_may_be_random_and_keep_statistics() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, h: Tensor, batch: Tensor) -> Tensor:
            return self.drop(h)

    options: dict[str, Any] = {"inputs": {"h": "4x0e", "batch": "batch"}, "output": "4x0e"}
    report = equivariance_report(Net().train(), quick=True, **options)
    assert report.ok, str(report)
    assert "train mode only" in str(report)
    mixing = nn.BatchNorm1d(4, track_running_stats=False).train()
    found = equivariance_report(
        lambda h, batch: mixing(h) if len(h) > 1 else h, quick=True, **options
    )
    assert "independence" in found.names


@given(st.integers(0, 3))
@settings(max_examples=2, deadline=None)
def test_inside_another_hypothesis_test(seed: int) -> None:
    assert equivariance_report(
        lambda pos: pos, inputs={"pos": "points"}, output="points", max_examples=34, seed=seed
    ).ok

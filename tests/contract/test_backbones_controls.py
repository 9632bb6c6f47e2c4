"""Each check of the uniform tester sees what it is there for: it fails on a model made for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqnorm import Graph, ModelOutput
from tests.contract import test_backbones as uniform
from tests.contract import test_backbones_places as places
from tests.contract.backbone_case import Build


class Control(nn.Module):
    """A model that is right: nodes move along differences to their neighbours."""

    def __init__(self, cutoff: float | None = None, layers: int = 1) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.linear = nn.Linear(3, 4)

    def forward(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor, edge_attr: Tensor
    ) -> ModelOutput:
        d = graph.relative(x)
        square = d.square().sum(-1, keepdim=True)
        pull = self.weigh(square, edge_attr) * d
        if self.cutoff is not None:
            pull = pull * (1 - square / self.cutoff**2).clamp(min=0)
        features = self.linear(torch.cat([h, self.invariant(v, graph)], -1))
        step = self.total(pull.to(x.dtype), graph) + v * features[:, :1]
        return ModelOutput(x + step, features.to(x.dtype), v)

    def weigh(self, square: Tensor, edge_attr: Tensor) -> Tensor:
        return edge_attr / (1 + square)

    def invariant(self, v: Tensor, graph: Graph) -> Tensor:
        return v.square().sum(-1, keepdim=True)

    def total(self, pull: Tensor, graph: Graph) -> Tensor:
        return graph.aggregate(pull)


class DividesByLength(Control):
    def weigh(self, square, edge_attr):
        return edge_attr / square.sqrt()


class ComputesInFloat32(Control):
    def invariant(self, v, graph):
        return super().invariant(v, graph).float()

    def forward(self, x, graph, h, v, edge_attr):
        out = super().forward(x, graph, h, v, edge_attr)
        return out._replace(x=out.x.float())


class LosesPrecision(Control):
    """Cancels large numbers, in the dtype of a matrix product."""

    def invariant(self, v, graph):
        nothing = v @ (1e3 * torch.eye(3)) - 1e3 * v
        return super().invariant(v, graph) + nothing.square().sum(-1, keepdim=True)


class SeesTheBatch(Control):
    def invariant(self, v, graph):
        return super().invariant(v, graph) + v.square().mean()


class TrustsTheOrder(Control):
    """Takes the edges of a node to stand together."""

    def total(self, pull, graph):
        return pull.view(graph.num_nodes, -1, 3).sum(1)


class CountsEdges(Control):
    def total(self, pull, graph):
        return graph.aggregate(pull, "mean")


class HasAConstantOnTheCPU(Control):
    def weigh(self, square, edge_attr):
        return super().weigh(square, edge_attr) * torch.ones(1, device="cpu").expand_as(square)


class WaitsForAValue(Control):
    def weigh(self, square, edge_attr):
        return super().weigh(square, edge_attr) * (2.0 if float(square.max()) > 1e3 else 1.0)


class KeepsAPlainTensor(Control):
    """Neither parameter nor buffer: no state dict has it."""

    def __init__(self, cutoff: float | None = None, layers: int = 1) -> None:
        super().__init__(cutoff, layers)
        self.gain = torch.randn(1)

    def weigh(self, square, edge_attr):
        return super().weigh(square, edge_attr) * self.gain.to(square.dtype)


CASES: list[tuple[Callable[..., None], dict[str, Any], type[Control]]] = [
    (uniform.check_finite, {"dtype": torch.float32}, DividesByLength),
    (uniform.check_finite, {"dtype": torch.float64}, ComputesInFloat32),
    (uniform.check_autocast, {}, LosesPrecision),
    (uniform.check_batch, {}, SeesTheBatch),
    (uniform.check_edge_list, {}, TrustsTheOrder),
    (uniform.check_cutoff, {}, CountsEdges),
    (places.check_device, {}, HasAConstantOnTheCPU),
    (places.check_device, {}, WaitsForAValue),
    (places.check_compile, {}, WaitsForAValue),
    (places.check_copies, {}, KeepsAPlainTensor),
]
IDS = [f"{check.__name__}-{kind.__name__}" for check, _, kind in CASES]


def builder(kind: type[Control]) -> Build:
    def build(seed: int = 0, **options: Any) -> nn.Module:
        torch.manual_seed(seed)
        return kind(**options)

    return build


@pytest.mark.parametrize(("check", "arguments", "kind"), CASES, ids=IDS)
def test_a_model_made_to_fail_fails(
    check: Callable[..., None], arguments: dict[str, Any], kind: type[Control]
) -> None:
    check(builder(Control), **arguments)
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check(builder(kind), **arguments)


def test_every_check_has_such_a_model() -> None:
    found = {**vars(uniform), **vars(places)}
    checks = {value for name, value in found.items() if name.startswith("check_")}
    assert checks == {check for check, _, _ in CASES}

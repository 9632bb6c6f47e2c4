"""Each test of the uniform tester sees what it is there to see: it fails on a norm made for it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqnorm import Graph, NormSpec, Symmetry
from eqnorm.graph import as_graph
from tests.contract import test_norms_uniform as uniform
from tests.contract.norm_cases import NormCase


class Control(nn.Module):
    """A norm that is right: x minus the centre, times a learnable scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(1) + 0.5)

    def forward(
        self, x: Tensor, graph: Any = None, x0: Any = None, v: Any = None, h: Any = None
    ) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        return self.formula(wide, as_graph(graph, x.shape[0], x.device)).to(x.dtype)

    def formula(self, x: Tensor, graph: Graph) -> Tensor:
        return self.gain * (x - graph.spread(graph.mean(x)))


class SeesTheBatch(Control):
    def formula(self, x, graph):
        return self.gain * (x - x.mean(0))


class SeesItsNodeOnly(Control):
    def formula(self, x, graph):
        return self.gain * x


class TrustsTheOrder(Control):
    """Takes the nodes of a graph to stand together."""

    def formula(self, x, graph):
        if graph.uniform:
            return super().formula(x, graph)
        return torch.cat([part - part.mean(0) for part in x.split(graph.counts.tolist())])


class CountsPadding(Control):
    def formula(self, x, graph):
        return super().formula(x, dataclasses.replace(graph, mask=None))


class MaskedByProduct(Control):
    """Padding times zero, which is NaN for NaN, and lets a gradient through."""

    def formula(self, x, graph):
        mean = graph.mean(x)
        return self.gain * (x - graph.spread(mean)) + 0 * x.sum()


class LeaksGradients(Control):
    def formula(self, x, graph):
        total = x.sum()
        return super().formula(x, graph) + total - total.detach()


class Half(Control):
    def forward(self, x, graph=None, x0=None, v=None, h=None):
        size = x.square().sum(-1, keepdim=True) + 1e-3
        return self.gain.to(x.dtype) * x * size.rsqrt()


class Promotes(Control):
    def forward(self, x, graph=None, x0=None, v=None, h=None):
        return self.formula(x, as_graph(graph, x.shape[0], x.device))


class UnitVectors(Control):
    def formula(self, x, graph):
        return self.gain * x / x.norm(dim=-1, keepdim=True)


class EpsOutside(Control):
    """Finite values; the gradient of a root at zero is not."""

    def formula(self, x, graph):
        return self.gain * x / (x.square().sum(-1, keepdim=True).sqrt() + 1e-6)


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 1.9 * grad


class WrongBackward(Control):
    def formula(self, x, graph):
        return super().formula(_Backward.apply(x), graph)


class UnusedParameter(Control):
    def __init__(self) -> None:
        super().__init__()
        self.more = nn.Parameter(torch.zeros(1))


class WritesIntoX(Control):
    def forward(self, x, graph=None, x0=None, v=None, h=None):
        return x.sub_(1.0)


class ForgetsState(Control):
    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.rand(1).item()

    def formula(self, x, graph):
        return super().formula(x, graph) + self.offset


class StaysOnTheHost(Control):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.ones(1)

    def formula(self, x, graph):
        return super().formula(x, graph) + self.table.expand(1)


class WaitsForTheDevice(Control):
    def formula(self, x, graph):
        return super().formula(x, graph) if x.abs().max() < 1e30 else x


class CountsInPython(Control):
    """A loop over nodes, and so another program for each number of them."""

    def formula(self, x, graph):
        centred = super().formula(x, graph)
        return torch.stack([centred[i] for i in range(x.shape[0])])


class LooksAtItsGain(Control):
    def formula(self, x, graph):
        return self.gain.item() * (x - graph.spread(graph.mean(x)))


@dataclasses.dataclass(frozen=True)
class ControlCase(NormCase):
    """A norm that is registered nowhere, as one of the tester's cases."""

    kind: type[nn.Module] = Control
    scope: str = "graph"

    def build(self, randomised: bool = True, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return self.kind()

    @property
    def spec(self) -> NormSpec:  # type: ignore[override]
        return NormSpec(
            name=self.name,
            on="points",
            equivariant_to=Symmetry.NONE,
            permutation=True,
            scope=self.scope,  # type: ignore[arg-type]
            needs=(),
            summary="",
            source="",
        )


def case(kind: type[nn.Module], scope: str = "graph") -> ControlCase:
    return ControlCase(kind.__name__, "points", kind=kind, scope=scope)


F16, NAN = torch.float16, float("nan")
TESTS = [
    (uniform.test_a_ragged_batch_equals_its_graphs_one_by_one, {}, SeesTheBatch),
    (uniform.test_scope_is_what_is_said, {}, SeesTheBatch),
    (uniform.test_scope_is_what_is_said, {}, SeesItsNodeOnly),
    (uniform.test_a_batch_vector_is_as_good_as_a_graph, {}, TrustsTheOrder),
    (uniform.test_padding_enters_no_statistic, {"garbage": 1e6}, CountsPadding),
    (uniform.test_padding_enters_no_statistic, {"garbage": NAN}, MaskedByProduct),
    (uniform.test_padding_gets_no_gradient, {}, LeaksGradients),
    (uniform.test_half_precision_has_float32_statistics, {"dtype": F16}, Half),
    (uniform.test_the_output_has_the_type_of_x, {"dtype": torch.float32}, Promotes),
    (
        uniform.test_values_and_gradients_are_finite_whatever_the_input,
        {"degenerate": uniform.zero},
        UnitVectors,
    ),
    (
        uniform.test_values_and_gradients_are_finite_whatever_the_input,
        {"degenerate": uniform.node_at_the_centre},
        EpsOutside,
    ),
    (uniform.test_first_and_second_derivatives, {}, WrongBackward),
    (uniform.test_every_parameter_gets_a_gradient, {}, UnusedParameter),
    (uniform.test_no_argument_is_written_into, {}, WritesIntoX),
    (uniform.test_deepcopy_pickle_and_state_dict, {}, ForgetsState),
    (uniform.test_vmap_over_parameters, {}, LooksAtItsGain),
    (uniform.test_everything_stays_on_the_device_of_x, {}, StaysOnTheHost),
    (uniform.test_everything_stays_on_the_device_of_x, {}, WaitsForTheDevice),
    (uniform.test_compiles_whole_and_once_for_all_batch_sizes, {}, CountsInPython),
    (uniform.test_compiles_whole_and_once_for_all_batch_sizes, {}, WaitsForTheDevice),
    (uniform.test_exports_with_any_number_of_nodes, {}, CountsInPython),
]
IDS = [f"{test.__name__}-{kind.__name__}" for test, _, kind in TESTS]


@pytest.mark.parametrize(("test", "arguments", "kind"), TESTS, ids=IDS)
def test_a_norm_made_to_fail_fails(test: Any, arguments: dict[str, Any], kind: Any) -> None:
    test(case=case(Control), **arguments)
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        test(case=case(kind), **arguments)


def test_every_test_of_the_tester_has_such_a_norm() -> None:
    tests = {name for name in vars(uniform) if name.startswith("test_")}
    assert tests - {test.__name__ for test, _, _ in TESTS} == {"test_without_what_is_optional"}

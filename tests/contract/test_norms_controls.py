"""Each test of the uniform tester sees what it is there to see: it fails on a norm made for it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from eqnorm import NormSpec, Symmetry
from tests.contract import control_norms as norms
from tests.contract import test_norms_compiled as compiled
from tests.contract import test_norms_copies as copies
from tests.contract import test_norms_degenerate as degenerate
from tests.contract import test_norms_graphs as graphs
from tests.contract import test_norms_numbers as numbers
from tests.contract.norm_cases import NormCase


@dataclasses.dataclass(frozen=True)
class ControlCase(NormCase):
    """A norm that is registered nowhere, as one of the tester's cases."""

    kind: type[nn.Module] = norms.Control
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
    (graphs.test_a_ragged_batch_equals_its_graphs_one_by_one, {}, norms.SeesTheBatch),
    (graphs.test_scope_is_what_is_said, {}, norms.SeesTheBatch),
    (graphs.test_scope_is_what_is_said, {}, norms.SeesItsNodeOnly),
    (graphs.test_a_batch_vector_is_as_good_as_a_graph, {}, norms.TrustsTheOrder),
    (graphs.test_padding_enters_no_statistic, {"garbage": 1e6}, norms.CountsPadding),
    (graphs.test_padding_enters_no_statistic, {"garbage": NAN}, norms.MaskedByProduct),
    (graphs.test_padding_gets_no_gradient, {}, norms.LeaksGradients),
    (numbers.test_half_precision_has_float32_statistics, {"dtype": F16}, norms.Half),
    (numbers.test_the_output_has_the_type_of_x, {"dtype": torch.float32}, norms.Promotes),
    (
        degenerate.test_values_and_gradients_are_finite_whatever_the_input,
        {"degenerate": degenerate.zero},
        norms.UnitVectors,
    ),
    (
        degenerate.test_values_and_gradients_are_finite_whatever_the_input,
        {"degenerate": degenerate.node_at_the_centre},
        norms.EpsOutside,
    ),
    (numbers.test_first_and_second_derivatives, {}, norms.WrongBackward),
    (numbers.test_every_parameter_gets_a_gradient, {}, norms.UnusedParameter),
    (numbers.test_no_argument_is_written_into, {}, norms.WritesIntoX),
    (copies.test_deepcopy_pickle_and_state_dict, {}, norms.ForgetsState),
    (copies.test_vmap_over_parameters, {}, norms.LooksAtItsGain),
    (compiled.test_everything_stays_on_the_device_of_x, {}, norms.StaysOnTheHost),
    (compiled.test_everything_stays_on_the_device_of_x, {}, norms.WaitsForTheDevice),
    (compiled.test_compiles_whole_and_once_for_all_batch_sizes, {}, norms.CountsInPython),
    (compiled.test_compiles_whole_and_once_for_all_batch_sizes, {}, norms.WaitsForTheDevice),
    (compiled.test_exports_with_any_number_of_nodes, {}, norms.CountsInPython),
]
IDS = [f"{test.__name__}-{kind.__name__}" for test, _, kind in TESTS]


@pytest.mark.parametrize(("test", "arguments", "kind"), TESTS, ids=IDS)
def test_a_norm_made_to_fail_fails(test: Any, arguments: dict[str, Any], kind: Any) -> None:
    test(case=case(norms.Control), **arguments)
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        test(case=case(kind), **arguments)


def test_every_test_of_the_tester_has_such_a_norm() -> None:
    tester = (compiled, copies, degenerate, graphs, numbers)
    tests = {name for file in tester for name in vars(file) if name.startswith("test_")}
    assert tests - {test.__name__ for test, _, _ in TESTS} == {"test_without_what_is_optional"}

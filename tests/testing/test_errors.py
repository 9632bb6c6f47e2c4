"""Bad input: the error says what, and how to fix it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

from eqnorm.testing import assert_equivariant, audit, equivariance_report, find_violation


def model(pos: Tensor, h: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    return pos, h


GOOD: dict[str, Any] = {
    "inputs": {"pos": "points", "h": "4x0e", "batch": "batch"},
    "output": ("points", "4x0e"),
    "max_examples": 2,
}


SAMPLE = {"pos": torch.zeros(2, 3), "batch": torch.zeros(2, dtype=torch.int64)}


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"inputs": {}}, TypeError, "inputs must map argument names to types"),
        ({"inputs": {"pos": "pints"}}, ValueError, "neither 'points' nor irreps"),
        ({"inputs": {"pos": "edgy:1o"}}, ValueError, "before the colon stands node, edge or graph"),
        ({"inputs": {"x": "points"}}, TypeError, "use its own argument"),
        ({"inputs": {"pos": "points"}}, TypeError, r"inputs lacks 'h', 'batch'"),
        ({"output": "points"}, TypeError, "a tuple of 2; declare None .* tuple or mapping"),
        ({"output": ("points",)}, TypeError, "declares 1 tensors, but the model returned 2"),
        ({"output": ("points", "5x0e")}, ValueError, r"'1'.*last dimension is 5.*\(9, 4\)"),
        ({"output": ("points", "graph:4x0e")}, ValueError, "9 rows, but the input has 9 nodes"),
        ({"output": {"x": "points"}}, TypeError, "declares 'x', but the model returned a tuple"),
        ({"output": None}, ValueError, "nothing to check"),
        ({"output": "batch"}, ValueError, "must be 'points', irreps or None"),
        ({"group": "SU2"}, ValueError, "unknown symmetry"),
        ({"skip": ["rotations"]}, ValueError, "skip names 'rotations'; choose from rotation"),
        ({"strict": "vacuum"}, ValueError, "strict names 'vacuum'"),
        ({"max_examples": 0}, ValueError, "max_examples must be at least 1"),
        ({"sample": {"pos": torch.zeros(2, 3)}}, ValueError, "sample lacks 'h', 'batch'"),
        ({"sample": 3}, TypeError, "sample must be"),
        (
            {"sample": {**SAMPLE, "h": torch.zeros(3, 4)}},
            ValueError,
            "h has 3 rows but pos has 2",
        ),
    ],
)  # fmt: skip
def test_message(changes: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        equivariance_report(model, **{**GOOD, **changes})


def test_not_callable() -> None:
    with pytest.raises(TypeError, match="fn must be a function or module, got int"):
        equivariance_report(3, **GOOD)  # type: ignore[arg-type]


def test_unknown_violation_name() -> None:
    with pytest.raises(ValueError, match="names names 'spin'"):
        find_violation(model, names="spin", **GOOD)


def test_audit_of_a_function() -> None:
    with pytest.raises(TypeError, match=r"audit walks the submodules of an nn\.Module"):
        audit(model, inputs=GOOD["inputs"])  # type: ignore[arg-type]


def test_a_function_that_raises_is_a_finding_with_its_input() -> None:
    def fragile(pos: Tensor) -> Tensor:
        if pos.shape[0] == 1:
            raise RuntimeError("one node is no system")
        return pos

    report = equivariance_report(fragile, inputs={"pos": "points"}, output="points")
    assert report.names == ("raises",)
    assert "one node is no system" in str(report)
    assert report.violations[0].case is not None
    assert report.violations[0].case.sizes == (1,)


@pytest.mark.parametrize("check", [assert_equivariant, find_violation])
def test_options_are_in_the_signature_and_a_misspelt_one_is_reported_by_its_function(check):
    theirs = inspect.signature(equivariance_report).parameters
    assert set(theirs) <= set(inspect.signature(check).parameters)
    with pytest.raises(TypeError, match=rf"^{check.__name__}\(\) .* argument 'max_example'"):
        check(lambda x: x, inputs={"x": "points"}, output="points", max_example=1)

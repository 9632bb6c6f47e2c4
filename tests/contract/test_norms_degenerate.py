"""Every registered norm is finite, with finite gradients, whatever the input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.contract.norm_cases import (
    NormCase,
    call,
)
from tests.contract.uniform_case import every


def one_node(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[:1] for name, value in inputs.items()}


def coincident(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[:1].expand_as(value) for name, value in inputs.items()}


def zero(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in inputs.items()}


def node_at_the_centre(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.stack([value[0], -value[0], torch.zeros_like(value[0])])
        for name, value in inputs.items()
    }


def at_rest(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """x = x0, and so mu = mu0, where x are points; v = 0."""
    rest = {name: torch.zeros_like(v) if name == "v" else v for name, v in inputs.items()}
    if "x0" in rest and rest["x0"].shape == rest["x"].shape:
        rest["x"] = rest["x0"].clone()
    return rest


def still(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nothing has moved yet: x = 0 while x0 and v have a size."""
    return {name: torch.zeros_like(v) if name == "x" else v for name, v in inputs.items()}


def tiny(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: 1e-20 * value.float() for name, value in inputs.items()}


def huge(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: v * (1 if name == "h" else 1e10) for name, v in inputs.items()}


DEGENERATE = [one_node, coincident, zero, node_at_the_centre, at_rest, still, tiny, huge]


@every
@pytest.mark.parametrize("degenerate", DEGENERATE, ids=lambda f: f.__name__)
def test_values_and_gradients_are_finite_whatever_the_input(
    case: NormCase, degenerate: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> None:
    norm = case.build()
    inputs = degenerate(case.inputs(6, dtype=torch.float32))
    inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    out = call(norm, None, inputs)
    assert out.isfinite().all()
    out.backward(torch.randn_like(out))
    for name, value in inputs.items():
        assert value.grad is None or value.grad.isfinite().all(), name
    for name, parameter in norm.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name

"""Every registered norm: precision, derivatives, and inputs left as they were."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from eqnorm import Graph
from tests.contract.norm_cases import (
    NormCase,
    all_cases,
    call,
    ragged,
)
from tests.contract.uniform_case import N, every, with_parameters


@every
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_has_float32_statistics(case: NormCase, dtype: torch.dtype) -> None:
    """At 300 squares overflow in float16, at 1e-3 they underflow."""
    unit = torch.finfo(dtype).eps / 2
    norms = (case.build(), case.build().to(dtype))
    for scale, norm in itertools.product([1.0, 300.0, 1e-3], norms):
        inputs = case.inputs(N, scale=scale, dtype=dtype)
        wide = {name: value.float() for name, value in inputs.items()}
        expected = call(copy.deepcopy(norm).float(), ragged(), wide)
        out = call(norm, ragged(), inputs)
        assert out.dtype == dtype
        rounding = 2 * unit * expected.abs() + torch.finfo(dtype).smallest_normal * 2 * unit
        error = (out.float() - expected).abs() - rounding
        assert error.max().item() <= 1e-5 * expected.abs().max().item()


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_output_has_the_type_of_x(case: NormCase, dtype: torch.dtype) -> None:
    other = {torch.float32: torch.float64, torch.float64: torch.float32}[dtype]
    out = call(case.build().to(other), ragged(), case.inputs(N, dtype=dtype))
    assert out.dtype == dtype


@every
def test_first_and_second_derivatives(case: NormCase) -> None:
    norm, graph = case.build().double(), Graph.complete(num_nodes=(3, 1, 2))
    inputs = {name: value.requires_grad_() for name, value in case.inputs(6).items()}
    names = [name for name, _ in norm.named_parameters()]
    parameters = tuple(p.detach().clone().requires_grad_() for p in norm.parameters())

    def f(*values: Tensor) -> Tensor:
        own = dict(zip(names, values[len(inputs) :], strict=True))
        given = dict(zip(inputs, values, strict=False))
        rest = {name: value for name, value in given.items() if name != "x"}
        return functional_call(norm, own, (given["x"], graph), rest)

    values = (*inputs.values(), *parameters)
    assert torch.autograd.gradcheck(f, values, fast_mode=True)
    if f(*values).requires_grad:
        assert torch.autograd.gradgradcheck(f, values, fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("case", with_parameters(all_cases()), ids=str)
def test_every_parameter_gets_a_gradient(case: NormCase) -> None:
    norm = case.build()
    out = call(norm, ragged(), case.inputs(N, dtype=torch.float32))
    out.backward(torch.randn_like(out))
    for name, parameter in norm.named_parameters():
        if parameter.numel():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


@every
def test_no_argument_is_written_into(case: NormCase) -> None:
    norm, inputs, graph = case.build(), case.inputs(N, dtype=torch.float32), ragged()
    held = {**inputs, "batch": graph.batch, "counts": graph.counts}
    before = {name: (value.clone(), value._version) for name, value in held.items()}
    with torch.no_grad():
        call(norm, graph, inputs).add_(1.0) if case.name != "identity" else None
    for name, value in held.items():
        assert torch.equal(value, before[name][0]), name
        assert value._version == before[name][1], name

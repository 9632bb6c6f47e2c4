"""Every registered norm copied, pickled, saved, and as an ensemble."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

import eqnorm
from tests.contract.norm_cases import (
    NormCase,
    call,
    default_cases,
    ragged,
)
from tests.contract.uniform_case import N, close, every, with_parameters


@every
def test_deepcopy_pickle_and_state_dict(case: NormCase) -> None:
    norm, inputs = case.build(), case.inputs(N, dtype=torch.float32)
    call(norm, ragged(), inputs)  # running statistics, where there are any, are part of the state
    norm.eval()
    expected = call(norm, ragged(), inputs)
    fresh = case.build(randomised=False, seed=1).eval()
    fresh.load_state_dict(norm.state_dict())
    for other in (copy.deepcopy(norm), pickle.loads(pickle.dumps(norm)), fresh):
        assert torch.equal(call(other, ragged(), inputs), expected)
        assert eqnorm.contract_of(other) == eqnorm.contract_of(norm)


@pytest.mark.parametrize("case", with_parameters(default_cases()), ids=str)
def test_vmap_over_parameters(case: NormCase) -> None:
    """An ensemble of norms in one call."""
    norms = [case.build(seed=seed).eval() for seed in range(3)]
    inputs, graph = case.inputs(N, dtype=torch.float32), ragged()
    parameters, buffers = stack_module_state(norms)

    def one(own: dict[str, Tensor], held: dict[str, Tensor]) -> Tensor:
        rest = {name: value for name, value in inputs.items() if name != "x"}
        return functional_call(norms[0], (own, held), (inputs["x"], graph), rest)

    together = vmap(one)(parameters, buffers)
    for norm, out in zip(norms, together, strict=True):
        close(out, call(norm, graph, inputs), 1e-5)

"""What every registered norm can do, whatever it is: one tester for all of them, in several files.

Symmetry is not looked at there; the checker of `eqnorm.testing` does that. Adding a norm needs no
edit: cases are read off the registry.
"""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.contract.norm_cases import (
    SIZES,
    NormCase,
    all_cases,
    default_cases,
    once_each,
)

N = sum(SIZES)
every = pytest.mark.parametrize("case", all_cases(), ids=str)
default = pytest.mark.parametrize("case", default_cases(), ids=str)
# A second or two each: of a norm's types the further ones are left to the slow run.
one_type = pytest.mark.parametrize("case", once_each(), ids=str)


def with_parameters(cases: list[NormCase]) -> list[NormCase]:
    return [case for case in cases if any(p.numel() for p in case.build().parameters())]


def close(a: Tensor, b: Tensor, tolerance: float = 1e-11) -> None:
    """Equal relative to the largest entry: float64 sums in another order."""
    assert a.shape == b.shape
    assert (a - b).abs().max().item() <= tolerance * (1 + b.abs().max().item())

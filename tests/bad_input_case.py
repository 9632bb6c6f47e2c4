"""What the tests of wrong input share: a call, the error that it must raise, and its words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

Case = tuple[Callable[[], object], type[Exception], str]


def check(case: Case) -> None:
    """The call raises the error, whose text has these words."""
    call, error, text = case
    with pytest.raises(error, match=re.escape(text)):
        call()


def with_nan() -> torch.Tensor:
    x = torch.randn(6, 3)
    x[4, 1] = float("nan")
    return x

"""The default check of a four-layer EGNN stays within its time, on one core."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

import eqnorm
from eqnorm.testing import assert_equivariant


@pytest.mark.parametrize(("quick", "limit"), [(True, 2.0), (False, 10.0)])
def test_egnn(quick: bool, limit: float) -> None:
    torch.set_num_threads(1)
    model = eqnorm.create_model("egnn", hidden=64, layers=4)
    inputs: dict[str, Any] = {"x": "points", "graph": "graph", "h": "1x0e"}
    start = time.process_time()
    assert_equivariant(
        model, inputs=inputs, output={"x": "points", "h": "64x0e"}, group="E3", quick=quick
    )
    assert time.process_time() - start < limit

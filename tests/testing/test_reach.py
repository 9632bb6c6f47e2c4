"""Inputs drawn in half precision are such that a sound model can handle them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqnorm.testing import Case, Motion, equivariance_report, search
from eqnorm.testing.broken.parts import pull
from eqnorm.testing.corners import CORNERS
from eqnorm.testing.reach import move_within_reach, within_reach


def moves(pos: Tensor, batch: Tensor) -> Tensor:
    return pos + pull(pos, batch)


def report(dtype: torch.dtype = torch.float16):
    inputs = {"pos": "points", "batch": "batch"}
    return equivariance_report(moves, inputs=inputs, output="points", dtype=dtype)


def test_a_sound_model_in_float16() -> None:
    assert report().ok, str(report())


def test_without_bounds_it_would_be_condemned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "within_reach", lambda case, dtype: case)
    monkeypatch.setattr(search, "move_within_reach", lambda motion, dtype: motion)
    assert "non-finite" in report().names


def test_a_wrong_model_in_float16_is_found_and_seen_again() -> None:
    def beyond_ten(pos: Tensor, batch: Tensor) -> Tensor:
        return pos.clamp(-10, 10) + pull(pos, batch)

    found = equivariance_report(
        beyond_ten,
        inputs={"pos": "points", "batch": "batch"},
        output="points",
        group="translation",
        dtype=torch.float16,
    )
    assert "translation" in found.names
    (violation,) = (v for v in found.violations if v.name == "translation")
    assert violation.motion is not None
    assert violation.motion.shift <= 64


def test_squares_and_their_sums_are_finite_and_normal() -> None:
    limits = torch.finfo(torch.float16)
    for corner, motion in CORNERS:
        case = within_reach(corner, torch.float16)
        farthest = case.scale * (4 + case.outlier) + case.offset
        assert 3 * case.scale**2 * 40 < limits.max
        assert farthest**2 < limits.max
        assert move_within_reach(motion, torch.float16).shift ** 2 < limits.max
        assert case.scale**2 >= limits.tiny


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_other_dtypes_get_all_that_is_drawn(dtype: torch.dtype) -> None:
    for case, motion in CORNERS:
        assert within_reach(case, dtype) == case
        assert move_within_reach(motion, dtype) == motion
    assert within_reach(Case((2,), scale=1e300), torch.float64).scale < 1e153
    assert move_within_reach(Motion(shift=5.0), dtype).shift == 5.0

"""The error model, and the copies it is applied to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqnorm.testing import equivariance_report
from eqnorm.testing.build import build, structure_of
from eqnorm.testing.cases import LAYOUTS, Case
from eqnorm.testing.declare import parse_inputs
from eqnorm.testing.measure import condition, extent
from eqnorm.testing.outputs import Field
from eqnorm.testing.twin import copy_model
from eqnorm.types import parse_type

POINTS = parse_inputs({"pos": "points", "batch": "batch"})
OPTIONS: dict[str, Any] = {"inputs": {"pos": "points"}, "output": "points"}


@pytest.mark.parametrize("size", [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weak_violations_are_found(size: float, dtype: torch.dtype) -> None:
    def stretched(pos: Tensor) -> Tensor:
        d = pos - pos.mean(0)
        return pos + size * d * d.new_tensor([1.0, 0.0, 0.0])

    report = equivariance_report(stretched, dtype=dtype, quick=True, **OPTIONS)
    assert report.names == ("rotation",), str(report)


def test_a_relative_tolerance_takes_the_place_of_the_error_model() -> None:
    def stretched(pos: Tensor) -> Tensor:
        d = pos - pos.mean(0)
        return pos + 1e-3 * d * d.new_tensor([1.0, 0.0, 0.0])

    assert equivariance_report(stretched, quick=True, rtol=1e-2, gradients=False, **OPTIONS).ok
    assert not equivariance_report(stretched, quick=True, rtol=1e-5, **OPTIONS).ok


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_no_absolute_tolerance(factor: float) -> None:
    def bad(pos: Tensor) -> Tensor:
        return factor * (pos - pos.mean(0)).abs()

    report = equivariance_report(bad, inputs={"pos": "points"}, output="1o", quick=True)
    assert "rotation" in report.names


def test_condition_number_of_a_power() -> None:
    slots = parse_inputs({"h": "1x0e"})
    h = torch.full((50, 1), 2.0, dtype=torch.float64)

    def power(arguments: dict[str, Any]) -> list[Field]:
        return [Field("", arguments["h"] ** 7, parse_type("0e"), "node")]

    worst = condition(power, {"h": h}, slots, power({"h": h}), 1.0)[0][0]
    # Largest of 4 x 50 normal displacements: 7 times between 2 and 5.
    assert 2 * 7 < worst / 2.0**7 < 5 * 7


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", [(1,), (2, 3), (9, 1, 4)])
def test_layouts(layout: str, sizes: tuple[int, ...]) -> None:
    drawn = build(Case(sizes, layout, scale=10.0), POINTS, torch.float64, "cpu")
    x, owner = drawn["pos"], drawn["batch"]
    assert x.shape == (sum(sizes), 3)
    assert torch.isfinite(x).all()
    for graph, size in enumerate(sizes):
        own = x[owner == graph] - x[owner == graph].mean(0)
        rank = int(torch.linalg.matrix_rank(own, atol=1e-9)) if size > 1 else 0
        most = {"coincident": 0, "collinear": 1, "planar": 2}.get(layout, 3)
        assert rank <= min(most, size - 1)
        if layout == "pair" and size > 1:
            assert torch.equal(own[-1], own[-2])
        if layout == "centred":
            assert own.norm(dim=-1).min() < 1e-12


def test_extent() -> None:
    drawn = build(Case((3, 4), scale=2.0, offset=1e3), POINTS, torch.float64, "cpu")
    found = extent([drawn["pos"]], structure_of(drawn, POINTS))
    assert 0.5 < found.size < 10
    assert 990 < found.away < 1010
    assert found.stretch == pytest.approx(1 + found.away / found.size)


def test_copies_of_functions_hold_copies_of_what_they_close_over() -> None:
    weight, seen, layer = torch.ones(2), [], nn.Linear(2, 2)

    def model(x: Tensor) -> Tensor:
        seen.append(1)
        return layer(x) * weight

    twin = copy_model(model, torch.float64)
    out = twin(torch.ones(1, 2, dtype=torch.float64))
    assert out.dtype == torch.float64
    assert not seen
    assert layer.weight.dtype == torch.float32


def test_copies_of_modules_convert_plain_tensors() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = [torch.ones(3)]

        def forward(self, x: Tensor) -> Tensor:
            return x * self.table[0]

    assert copy_model(Plain(), torch.float64)(torch.ones(3).double()).dtype == torch.float64


def test_without_a_float64_copy() -> None:
    """A function that runs in float32 only is judged in float32."""

    def only(pos: Tensor, bad: bool = False) -> Tensor:
        if pos.dtype != torch.float32:
            raise TypeError("float32 only")
        d = pos - pos.mean(0)
        return pos + torch.tanh(d.square().sum(-1, keepdim=True)) * d

    def skewed(pos: Tensor) -> Tensor:
        return only(pos) + 1e-2 * (pos - pos.mean(0))[:, [1, 0, 2]]

    good = equivariance_report(only, **OPTIONS)
    assert good.ok, str(good)
    assert "no float64 copy" in str(good)
    assert "rotation" in equivariance_report(skewed, **OPTIONS).names


def test_overflow_is_told_from_a_fault() -> None:
    def grows(h: Tensor) -> Tensor:
        return (10 * h) ** 40

    def breaks(h: Tensor) -> Tensor:
        return torch.where(h.abs() > 3, h / 0, h)

    options: dict[str, Any] = {"inputs": {"h": "4x0e"}, "output": "4x0e", "quick": True}
    grown = equivariance_report(grows, **options)
    assert grown.ok, str(grown)
    assert "grows beyond" in str(grown)
    assert "non-finite" in equivariance_report(breaks, **options).names

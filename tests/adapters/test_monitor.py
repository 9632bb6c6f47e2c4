"""The monitor of scales, against the outputs themselves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from eqnorm_adapters import ScaleMonitor
from tests.adapters.standins import EGNN, Outer, Reused, system


def test_scales_are_those_of_the_outputs():
    model = EGNN(layers=2)
    h, x, edges, _ = system()
    kept = []
    model.gcl_0.register_forward_hook(lambda module, args, output: kept.append(output))
    with ScaleMonitor(model, "gcl_*", {"x": 1, "h": 0}) as monitor:
        model(h, x, edges, None)
    kept = [[part.detach() for part in output[:2]] for output in kept]
    assert list(monitor.scales) == ["gcl_0", "gcl_1"]
    for name, part in (("x", 1), ("h", 0)):
        rms, largest = monitor.scales["gcl_0"][name]
        assert rms == pytest.approx(float(kept[0][part].square().mean().sqrt()), rel=1e-5)
        assert largest == pytest.approx(float(kept[0][part].abs().max()))
    lines = str(monitor).splitlines()
    assert lines[0].split() == ["max", "|x|", "max", "|h|"]
    assert lines[1].split()[0] == "gcl_0"
    before = monitor.scales
    model(h, 2 * x, edges, None)
    assert monitor.scales == before
    assert all(len(m._forward_hooks) == (m is model.gcl_0) for m in model.modules())


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("tensor", ["out"]),
        ("tuple", ["0", "1"]),
        ("named", ["scalars", "points"]),
        ("nested", ["0", "1.deep.0"]),
    ],
)
def test_all_parts_by_default(kind, names):
    model = Outer(kind)
    with ScaleMonitor(model, "inner") as monitor:
        model(torch.randn(4, 3), torch.randn(4, 2))
    assert list(monitor.scales["inner"]) == names


def test_the_first_layer_that_is_not_finite():
    class Explode(nn.Module):
        def forward(self, x):
            return x * 1e30

    model = nn.Sequential(*(Explode() for _ in range(4)))
    with ScaleMonitor(model, "*") as monitor:
        assert monitor.first_bad is None
        model(torch.ones(2, 3))
        assert monitor.first_bad == "1"
        assert monitor.largest == pytest.approx({"0": 1e30} | dict.fromkeys("123", math.inf))
        assert monitor.scales["1"]["out"].largest == float("inf")
        model(torch.full((2, 3), 1e-32))
        assert monitor.first_bad == "2"
        model(torch.zeros(2, 3))
        assert monitor.first_bad is None


def test_a_nan_beside_numbers_is_the_largest():
    model = Outer("tuple")
    with ScaleMonitor(model, "inner") as monitor:
        model(torch.randn(4, 3), torch.full((4, 2), float("nan")))
        assert math.isnan(monitor.largest["inner"])
        model(torch.ones(4, 3), torch.ones(4, 2))
        assert monitor.largest["inner"] == max(s.largest for s in monitor.scales["inner"].values())


def test_the_last_layer_whose_gradient_is_not_finite():
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    with ScaleMonitor(model, "*") as monitor:
        model(torch.ones(2, 3)).sum().backward()
        assert monitor.last_bad_gradient is None
        for layer in model[:3]:
            layer.bias.grad[1] = float("nan")
        assert monitor.last_bad_gradient == "2"
    assert monitor.first_bad is None


def test_containers_that_cannot_hold_a_norm_can_be_watched():
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 3)), nn.Linear(3, 3))
    with ScaleMonitor(model, ["0", ""]) as monitor:
        model(torch.randn(2, 3))
    assert list(monitor.scales) == ["0", ""]


def test_hooks_go_after_an_error_and_large_numbers_do_not_overflow():
    model = Reused()
    with pytest.raises(KeyError), ScaleMonitor(model, "layer") as monitor:
        model(torch.full((2, 3), 1e30), fail=True)
    assert not model.layer._forward_hooks
    assert monitor.scales["layer"]["out"].rms == pytest.approx(4e30)


def test_a_wrong_name_and_a_wrong_part():
    with pytest.raises(ValueError, match="did you mean 'gcl_0'"):
        ScaleMonitor(EGNN(), "gcl0")
    model = Outer("tuple")
    with pytest.raises(ValueError, match="output of 'inner' has no part 5"):  # noqa: SIM117
        with ScaleMonitor(model, "inner", {"x": 5}):
            model(torch.randn(4, 3), torch.randn(4, 2))

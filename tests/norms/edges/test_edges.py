"""Norms on relative vectors against plain loops and the numbers of their sources."""

import math

import pytest
import torch

import eqnorm
from tests.norms import recorded
from tests.norms.by_hand import Batch, build, length, square, times


def test_unit_is_its_formula():
    norm = build("unit", "1o", eps=0.1)

    def by_hand(system):
        return [times(1 / math.sqrt(square(d) + 0.1**2), d) for d in system.x]

    assert Batch().deviation(norm, by_hand) < 1e-14


@pytest.mark.parametrize("constant", [1.0, 0.3])
def test_enf_is_its_formula(constant):
    norm = build("enf", "1o", constant=constant)

    def by_hand(system):
        return [times(1 / (length(d) + constant), d) for d in system.x]

    assert Batch().deviation(norm, by_hand) < 1e-14


def test_coorsnorm_is_its_formula():
    norm = build("coorsnorm", "1o", eps=0.1)

    def by_hand(system):
        return [times(norm.gain.item() / math.sqrt(square(d) + 0.1**2), d) for d in system.x]

    assert Batch().deviation(norm, by_hand) < 1e-14


def test_enf_gives_the_numbers_of_its_source():
    out = eqnorm.create_norm("enf", on="1o")(recorded.POINTS)
    assert (out - recorded.ENF).abs().max() < 1e-6


def test_coorsnorm_gives_the_numbers_of_its_source():
    norm = eqnorm.create_norm("coorsnorm", on="1o", scale=recorded.GAIN)
    assert (norm(recorded.POINTS) - recorded.COORSNORM).abs().max() < 1e-6


@pytest.mark.parametrize(("name", "slope"), [("unit", 1e4), ("enf", 1.0), ("coorsnorm", 1e2)])
@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-20, 1e-12])
def test_the_gradient_at_zero_is_finite_and_known(name, slope, size):
    """Where |d| + eps outside the root gives NaN, and a where-guard overflows at 1e-20."""
    d = torch.zeros(1, 3)
    d[0, 0] = size
    jacobian = torch.autograd.functional.jacobian(eqnorm.create_norm(name, on="1o"), d)[0, :, 0]
    assert torch.allclose(jacobian, slope * torch.eye(3), rtol=1e-3, atol=1e-3)


def test_an_edge_knows_nothing_of_other_edges():
    d = torch.randn(6, 3)
    for name in ("unit", "enf", "coorsnorm"):
        norm = eqnorm.create_norm(name, on="1o")
        assert torch.equal(norm(d)[2:3], norm(d[2:3]))
        assert eqnorm.norm_spec(name, on="1o").scope == "node"

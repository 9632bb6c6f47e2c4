"""The paper's three norms against its equations, lemmas and the known weakness of Eq. 5."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import eqnorm
from eqnorm import Graph, GroupElement


def system(sizes: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Graph]:
    generator = torch.Generator().manual_seed(seed)
    x0 = torch.randn(sum(sizes), 3, dtype=torch.float64, generator=generator)
    moved = x0 + 0.3 * torch.randn(sum(sizes), 3, dtype=torch.float64, generator=generator)
    return moved + 0.5, x0, Graph.complete(num_nodes=sizes)


def build(name: str, **options) -> torch.nn.Module:
    """A norm with parameters away from their initial values."""
    norm = eqnorm.create_norm(name, on="points", **options).double()
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.copy_(torch.linspace(0.5, 1.5, parameter.numel()).view_as(parameter))
    return norm


def row(parameter: torch.Tensor, i: int) -> list[float]:
    return parameter[i if len(parameter) > 1 else 0].tolist()


@pytest.mark.parametrize("per_particle", [None, 4])
def test_layernorm_is_eq_3(per_particle):
    norm = build("layernorm", per_particle=per_particle, eps=0.0)
    x, _, graph = system([4, 4])
    out = norm(x, graph)
    for i, point in enumerate(x.tolist()):
        mean = sum(point) / 3
        sigma = math.sqrt(sum((c - mean) ** 2 for c in point) / 3)
        (g,), b = row(norm.gain, i % 4), row(norm.bias, i % 4)
        expected = [g * (c - mean) / sigma + bd for c, bd in zip(point, b, strict=True)]
        assert out[i].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["l2", "rms"])
@pytest.mark.parametrize("per_particle", [None, 4])
def test_scalenorm_is_eq_4(kind, per_particle):
    norm = build("scalenorm", norm=kind, per_particle=per_particle, eps=0.0)
    x, _, graph = system([4, 4])
    out = norm(x, graph)
    for i, point in enumerate(x.tolist()):
        length = math.sqrt(sum(c * c for c in point) / (3 if kind == "rms" else 1))
        (g,) = row(norm.gain, i % 4)
        assert out[i].tolist() == pytest.approx([g * c / length for c in point], rel=1e-12)


def geonorm_by_hand(norm, x, x0, sizes, per_particle, soft):
    """Eq. 5 with plain loops over graphs, particles and coordinates."""
    expected, start = [], 0
    for size in sizes:
        points = x[start : start + size].tolist()
        first = x0[start : start + size].tolist()
        mu = [sum(p[d] for p in points) / size for d in range(3)]
        mu0 = [sum(p[d] for p in first) / size for d in range(3)]
        s0 = math.sqrt(sum((p[d] - mu0[d]) ** 2 for p in first for d in range(3)) / size)
        floor = norm.eps * s0 if soft else 0.0

        def direction(u, floor=floor):
            length = math.sqrt(sum(c * c for c in u) + floor**2)
            return [c / length for c in u]

        drift = direction([a - b for a, b in zip(mu, mu0, strict=True)])
        for i, point in enumerate(points):
            out = direction([a - b for a, b in zip(point, mu, strict=True)])
            (g,), (b,) = row(norm.gain, i), row(norm.bias, i)
            expected.append([g * out[d] + b * drift[d] + mu0[d] for d in range(3)])
        start += size
    return torch.tensor(expected, dtype=torch.float64)


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize(("sizes", "per_particle"), [([3, 5, 2], None), ([4, 4], 4)])
def test_geonorm_is_eq_5(faithful, sizes, per_particle):
    norm = build("geonorm", faithful=faithful, per_particle=per_particle)
    x, x0, graph = system(sizes)
    expected = geonorm_by_hand(norm, x, x0, sizes, per_particle, soft=not faithful)
    assert (norm(x, graph, x0=x0) - expected).abs().max() < 1e-13


def test_the_soft_direction_is_eq_5_wherever_eq_5_is_well_conditioned():
    x, x0, graph = system([20, 20])
    soft, printed = build("geonorm", eps=1e-4), build("geonorm", faithful=True)
    assert (soft(x, graph, x0=x0) - printed(x, graph, x0=x0)).abs().max() < 1e-5


def rotation_error(norm, x: torch.Tensor, x0: torch.Tensor) -> float:
    turn = GroupElement(
        torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0],
        torch.zeros(3, dtype=torch.float64),
    )
    out = norm(x, x0=x0).detach().double()
    turned = norm(turn.act(x, "points"), x0=turn.act(x0, "points")).detach().double()
    return float((turned - turn.act(out, "points")).abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_eq_5_as_printed_loses_its_direction_when_the_centre_has_hardly_moved(dtype):
    """Updates of opposite sign leave mu - mu0 to rounding: Eq. 5 then points anywhere."""
    generator = torch.Generator().manual_seed(1)
    x0 = torch.randn(20, 3, generator=generator).to(dtype)
    update = 1e-3 * torch.randn(20, 3, generator=generator).to(dtype)
    x = x0 + update - update.mean(0)
    soft = build("geonorm").to(dtype)
    printed = build("geonorm", faithful=True).to(dtype)
    worst = {
        name: max(rotation_error(norm, x, x0) for _ in range(5))
        for name, norm in {"soft": soft, "printed": printed}.items()
    }
    assert worst["printed"] > 0.1
    assert worst["soft"] < (1e-3 if dtype == torch.float32 else 1e-11)


@given(st.floats(-3, 3), st.floats(0, 4))
def test_geonorm_keeps_its_symmetry_at_any_scale_and_offset(log_scale, log_offset):
    x, x0, _ = system([7])
    x, x0 = x * 10**log_scale, x0 * 10**log_scale
    shift = torch.full((3,), 10**log_offset, dtype=torch.float64) * 10**log_scale
    norm = build("geonorm")
    error = (norm(x + shift, x0=x0 + shift) - shift - norm(x, x0=x0)).abs().max()
    assert error < 1e-8 * max(1.0, 10**log_scale)


def test_shared_parameters_commute_with_permutations_and_fit_any_size():
    x, x0, _ = system([9])
    order = torch.randperm(9)
    for name in ("layernorm", "scalenorm", "geonorm"):
        norm = build(name)
        assert torch.allclose(norm(x[order], x0=x0[order]), norm(x, x0=x0)[order])
        assert norm(x[:4], x0=x0[:4]).shape == (4, 3)


def test_per_particle_parameters_do_not():
    x, x0, _ = system([9])
    order = torch.arange(9).roll(1)
    for name in ("layernorm", "scalenorm", "geonorm"):
        norm = build(name, per_particle=9)
        assert not torch.allclose(norm(x[order], x0=x0[order]), norm(x, x0=x0)[order])


@pytest.mark.parametrize("name", ["layernorm", "scalenorm", "geonorm"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", ["one node", "coincident", "zero", "node at the centre", "tiny"])
def test_values_and_gradients_are_finite_whatever_the_input(name, dtype, case):
    x = {
        "one node": torch.tensor([[1.0, 2.0, 3.0]]),
        "coincident": torch.ones(4, 3),
        "zero": torch.zeros(4, 3),
        "node at the centre": torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [0.0, 0, 0]]),
        "tiny": 1e-7 * torch.randn(4, 3),
    }[case].to(dtype)
    x.requires_grad_()
    norm = eqnorm.create_norm(name, on="points").to(dtype)
    out = norm(x, x0=x)
    assert out.dtype == dtype
    assert out.isfinite().all()
    out.float().square().sum().backward()
    assert x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in norm.parameters())

"""georms and geofilm against plain loops, and what they are for."""

import math

import pytest
import torch

import eqnorm
from tests.norms.by_hand import Batch, add, build, coefficients, length, mean_square, sub, times


@pytest.mark.parametrize(("sizes", "per_particle"), [((3, 1, 5, 2), None), ((4, 4), 4)])
def test_georms_is_its_formula(sizes, per_particle):
    norm = build("georms", "points", per_particle=per_particle)

    def by_hand(system):
        relative = [sub(p, system.center) for p in system.x]
        floor = norm.eps * system.radius if system.radius else norm.eps
        rms = math.sqrt(mean_square(relative) + floor**2)
        gains = norm.gain.flatten().tolist() * len(relative)
        return [
            add(system.center, times(g * system.radius / rms, u))
            for g, u in zip(gains, relative, strict=False)
        ]

    assert Batch(sizes).deviation(norm, by_hand) < 1e-13


def test_georms_restores_the_initial_size_and_keeps_centre_and_radial_order():
    batch = Batch((20,))
    x0 = batch.x0
    out = eqnorm.create_norm("georms", on="points")(1e3 * batch.x + 7, x0=x0).detach()
    relative = out - out.mean(0)
    radius = (x0 - x0.mean(0)).square().sum(1).mean().sqrt()
    assert relative.square().sum(1).mean().sqrt() == pytest.approx(float(radius), rel=1e-6)
    assert torch.allclose(out.mean(0), 1e3 * batch.x.mean(0) + 7, rtol=1e-9)
    before = (batch.x - batch.x.mean(0)).norm(dim=1).argsort()
    assert torch.equal(relative.norm(dim=1).argsort(), before)


def test_geofilm_is_its_formula():
    norm = build("geofilm", "points", h_dim=4)

    def by_hand(system):
        s0 = system.radius
        floor = norm.eps * s0 if s0 else norm.eps

        def direction(u):
            return times(1 / math.sqrt(length(u) ** 2 + floor**2), u)

        drift = direction(sub(system.center, system.start))
        rows = []
        for x, h in zip(system.x, system.h, strict=True):
            film = coefficients(norm, h)
            gain, bias = norm.gain.item() * (1 + film[0]), norm.bias.item() * film[1]
            out = times(s0 * gain, direction(sub(x, system.center)))
            rows.append(add(system.start, out, times(s0 * bias, drift)))
        return rows

    assert Batch().deviation(norm, by_hand) < 1e-13


def test_geofilm_starts_as_geonorm_in_units_of_the_initial_radius():
    batch = Batch((6,))
    radius = batch.systems()[0].radius
    geofilm = eqnorm.create_norm("geofilm", on="points", h_dim=4)
    geonorm = eqnorm.create_norm("geonorm", on="points")
    with torch.no_grad():
        geonorm.gain.fill_(radius)
    expected = geonorm(batch.x, x0=batch.x0)
    assert torch.allclose(geofilm(batch.x, **batch.inputs()), expected, atol=1e-6)

"""system and geoframe against plain loops, and what they are for."""

import itertools
import math

import pytest
import torch

import eqnorm
from eqnorm import GroupElement, Symmetry
from tests.norms.by_hand import (
    Batch,
    add,
    build,
    capped,
    coefficients,
    cross,
    mean,
    mean_square,
    square,
    sub,
    times,
)

CASES = [{"h_dim": 4}, {}]


def amplitudes(norm, h):
    return [a * c for a, c in zip(norm.amplitude.tolist(), coefficients(norm, h), strict=True)]


@pytest.mark.parametrize("velocities", [True, False])
@pytest.mark.parametrize("options", CASES)
def test_system_is_its_formula(options, velocities):
    norm = build("system", "points", **options)

    def by_hand(system):
        s0, drift = system.radius, sub(system.center, system.start)
        reach = s0**2 + (mean_square(system.v) if system.v else 0)
        moved = capped(drift, norm.cap.item() * math.sqrt(reach))
        relative = [sub(p, system.center) for p in system.x]
        rms = math.sqrt(mean_square(relative) + (norm.eps * (s0 or 1)) ** 2)
        rows = []
        for i, u in enumerate(relative):
            a = amplitudes(norm, system.h[i])
            out = add(system.start, moved, times(norm.gain.item() * s0 / rms, u))
            out = add(out, times(a[2], sub(system.x0[i], system.start)))
            if system.v:
                out = add(out, times(a[0], mean(system.v)), times(a[1], system.v[i]))
            rows.append(out)
        return rows

    # A lone node without velocity has no length at all, and its oracle divides by zero.
    sizes = (3, 1, 5, 2) if velocities else (3, 5, 2)
    assert Batch(sizes, velocities=velocities).deviation(norm, by_hand) < 1e-13


@pytest.mark.parametrize("velocities", [True, False])
@pytest.mark.parametrize("chiral", [False, True])
@pytest.mark.parametrize("options", CASES)
def test_geoframe_is_its_formula(options, chiral, velocities):
    norm = build("geoframe", "points", chiral=chiral, **options)

    def by_hand(system):
        s0 = system.radius
        drift = capped(sub(system.center, system.start), s0)
        floor = norm.eps * s0
        rows = []
        for i, x in enumerate(system.x):
            place = sub(system.x0[i], system.start)
            polar = [drift, None, None, place]
            if system.v:
                polar[1:3] = mean(system.v), system.v[i]
            vectors = list(polar)
            if chiral:
                pairs = sorted(itertools.combinations(range(4), 2), key=lambda p: (p[1], p[0]))
                for j, k in pairs:
                    a, b = polar[j], polar[k]
                    size = a and b and math.sqrt(square(a) + square(b) + floor**2)
                    vectors.append(times(1 / size, cross(a, b)) if size else None)
            u = sub(x, system.center)
            out = times(norm.gain.item() * s0 / math.sqrt(square(u) + floor**2), u)
            for a, e in zip(amplitudes(norm, system.h[i]), vectors, strict=True):
                out = add(out, times(a, e)) if e else out
            rows.append(add(system.start, out))
        return rows

    assert Batch((3, 5, 2), velocities=velocities).deviation(norm, by_hand) < 1e-13


@pytest.mark.parametrize("name", ["system", "geoframe"])
def test_an_exploding_input_comes_back_to_the_size_of_the_system(name):
    batch = Batch((20, 7))
    norm = eqnorm.create_norm(name, on="points", h_dim=4)
    reach = 1 + max(s.radius + math.sqrt(mean_square(s.v)) for s in batch.systems())
    for power in (3, 8, 16, 150):
        out = norm(10.0**power * (batch.x + 5), batch.graph, **batch.inputs())
        assert out.norm(dim=1).max() < 5 * reach


def test_geoframe_learns_a_bias_with_a_direction():
    """What the scalar bias of GeoNorm cannot: move each particle along its own velocity."""
    batch = Batch((5, 5, 5))
    norms = {"geonorm": eqnorm.create_norm("geonorm", on="points")}
    norms["geoframe"] = eqnorm.create_norm("geoframe", on="points")
    with torch.no_grad():
        start = norms["geoframe"](batch.x, batch.graph, **batch.inputs())
        target = start + 0.5 * batch.v
    errors = {}
    for name, norm in norms.items():
        optimiser = torch.optim.LBFGS(norm.parameters(), max_iter=50)

        def closure(norm=norm, optimiser=optimiser):
            optimiser.zero_grad()
            out = norm(batch.x, batch.graph, **batch.inputs())
            loss = (out - target).square().mean()
            loss.backward()
            return loss

        optimiser.step(closure)
        errors[name] = closure().item()
    assert errors["geoframe"] < 1e-6
    assert errors["geonorm"] > 0.1


def test_chiral_geoframe_declares_and_breaks_reflections():
    norm = build("geoframe", "points", chiral=True)
    assert eqnorm.contract_of(norm).equivariant_to == Symmetry.SE3
    assert eqnorm.contract_of(build("geoframe", "points")).equivariant_to == Symmetry.E3
    batch = Batch((5,))
    mirror = GroupElement(torch.diag(torch.tensor([1.0, 1, -1])).double(), torch.ones(3).double())
    turn = GroupElement(torch.diag(torch.tensor([-1.0, 1, -1])).double(), torch.ones(3).double())

    def error(element):
        x, x0 = element.act(batch.x, "points"), element.act(batch.x0, "points")
        moved = norm(x, x0=x0, v=element.act(batch.v, "1o"))
        return (moved - element.act(norm(batch.x, x0=batch.x0, v=batch.v), "points")).abs().max()

    assert error(turn) < 1e-13
    assert error(mirror) > 0.1


@pytest.mark.parametrize("name", ["system", "geoframe"])
def test_h_dim_is_part_of_the_contract(name):
    without = eqnorm.contract_of(eqnorm.create_norm(name, on="points"))
    assert (without.needs, without.optional) == (("x0",), ("v",))
    given = eqnorm.contract_of(eqnorm.create_norm(name, on="points", h_dim=4))
    assert (given.needs, given.optional) == (("x0", "h"), ("v",))

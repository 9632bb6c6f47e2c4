"""Symmetries of the dynamics themselves: what a network trained on them should have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqnorm import nbody

OPTIONS: dict[str, Any] = {"steps": 120, "sample_every": 20, "max_force": 1e12}
ROUND_OFF = 1e-9


@st.composite
def systems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """Particles about lattice sites: never so close that round-off is amplified."""
    n = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sites = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), -1).reshape(-1, 3)
    loc = rng.permutation(sites)[:n] + rng.uniform(-0.2, 0.2, size=(n, 3))
    vel = rng.normal(size=(n, 3))
    charges = rng.choice([-1.0, 1.0], size=n)
    return loc, vel, charges, rng


def rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q  # a reflection in half of the cases: Coulomb's law has that symmetry too


def run(loc: Any, vel: Any, charges: Any, mode: str) -> nbody.Trajectories:
    return nbody.integrate(loc[None], vel[None], charges[None], mode=mode, threads=1, **OPTIONS)


modes = pytest.mark.parametrize("mode", ["fast", "exact"])


@modes
@given(systems())
@settings(max_examples=25, deadline=None)
def test_rotated_start_rotates_the_trajectory(mode: str, system: Any) -> None:
    loc, vel, charges, rng = system
    r, t = rotation(rng), rng.normal(size=3)
    one = run(loc, vel, charges, mode)
    other = run(loc @ r.T + t, vel @ r.T, charges, mode)
    assert np.abs(other.loc - (one.loc @ r.T + t)).max() < ROUND_OFF
    assert np.abs(other.vel - one.vel @ r.T).max() < ROUND_OFF


def test_clamp_breaks_the_rotation_symmetry() -> None:
    """The control: the reference clamps components, not lengths, and the tests above see it."""
    loc, vel = np.array([[0.3, 0, 0], [-0.3, 0, 0]]), np.zeros((2, 3))
    c = np.sqrt(0.5)
    r = np.array([[c, -c, 0], [c, c, 0], [0, 0, 1]])
    clamped = {**OPTIONS, "max_force": 1.0}
    one = nbody.integrate(loc[None], vel[None], np.ones((1, 2)), **clamped)
    other = nbody.integrate((loc @ r.T)[None], vel[None], np.ones((1, 2)), **clamped)
    assert np.abs(other.loc - one.loc @ r.T).max() > 1e-4


@modes
@given(systems())
@settings(max_examples=15, deadline=None)
def test_opposite_charges_move_alike(mode: str, system: Any) -> None:
    loc, vel, charges, _ = system
    one, other = run(loc, vel, charges, mode), run(loc, vel, -charges, mode)
    assert np.array_equal(one.loc, other.loc)


@modes
@given(systems())
@settings(max_examples=15, deadline=None)
def test_momentum_is_conserved(mode: str, system: Any) -> None:
    loc, vel, charges, _ = system
    result = run(loc, vel, charges, mode)
    assert np.abs(result.vel.sum(2) - vel.sum(0)).max() < ROUND_OFF


@modes
@given(systems())
@settings(max_examples=15, deadline=None)
def test_renumbering_renumbers_the_trajectory(mode: str, system: Any) -> None:
    loc, vel, charges, rng = system
    p = rng.permutation(len(charges))
    one, other = run(loc, vel, charges, mode), run(loc[p], vel[p], charges[p], mode)
    assert np.abs(one.loc[:, :, p] - other.loc).max() < ROUND_OFF


@given(systems(), st.integers(1, 20))
@settings(max_examples=15, deadline=None)
def test_a_system_does_not_see_the_others_beside_it(system: Any, copies: int) -> None:
    loc, vel, charges, rng = system
    noise = 1e-2 * rng.normal(size=(copies, *loc.shape))
    many_loc = np.concatenate([loc[None], loc + noise])
    many = nbody.integrate(
        many_loc,
        np.broadcast_to(vel, many_loc.shape),
        np.broadcast_to(charges, many_loc.shape[:2]),
        **OPTIONS,
    )
    assert np.array_equal(many.loc[:1], run(loc, vel, charges, "fast").loc)

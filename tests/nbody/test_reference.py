"""The simulator against numbers recorded from the official generator (data/README.md)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eqnorm import nbody
from eqnorm.nbody.initial import Sampler

RECORDED = np.load(Path(__file__).parent / "data" / "reference.npz")

CASES: dict[str, dict[str, Any]] = {
    "n5": {"num_particles": 5, "seed": 43, "num_trajectories": 3},
    "n20": {"num_particles": 20, "seed": 2, "num_trajectories": 1},
    "n3_noise": {
        "num_particles": 3,
        "seed": 1,
        "num_trajectories": 2,
        "steps": 400,
        "sample_every": 50,
        "noise": 0.1,
    },
    "n9": {"num_particles": 9, "seed": 2, "num_trajectories": 2, "steps": 1000},
    "n50": {"num_particles": 50, "seed": 5, "num_trajectories": 1, "steps": 300},
}

FIRST_FRAMES = 1e-9
"""Tolerance on the first ten frames of systems that are not yet chaotic."""


def sha256(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def probe() -> str:
    """Fingerprint of this machine's arithmetic, where libraries are free to round differently."""
    x = np.random.RandomState(0).randn(3, 100)
    parts = [np.power(np.abs(x).ravel(), 1.5)]
    for n in (3, 5, 9, 20, 50):
        y = x[:, :n].copy()
        parts.append(y.T.dot(y).ravel())
    return sha256(np.concatenate(parts))


@pytest.mark.parametrize("case", CASES)
def test_exact_mode_is_the_reference_bit_for_bit(case: str) -> None:
    if probe() != str(RECORDED["probe"]):
        pytest.skip("numpy rounds differently here than where the numbers were recorded")
    result = nbody.simulate(**CASES[case], mode="exact")
    assert [sha256(array) for array in result.to_official()] == list(RECORDED[f"{case}_sha256"])


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("case", CASES)
def test_first_frames_are_the_references(case: str, mode: str) -> None:
    loc, _, _, charges = nbody.simulate(**CASES[case], mode=mode).to_official()
    assert np.array_equal(charges, RECORDED[f"{case}_charges"])
    found = loc[:, RECORDED[f"{case}_frames"]]
    assert np.abs(found - RECORDED[f"{case}_loc"]).max() < FIRST_FRAMES


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n", [5, 20])
def test_fast_mode_agrees_with_exact_mode_before_chaos(n: int, seed: int) -> None:
    options: dict[str, Any] = {"steps": 1100, "frames": tuple(range(10))}
    start = Sampler(nbody.Config(n, seed=seed, **options)).next(12)
    state = start.loc, start.vel, start.charges
    exact = nbody.integrate(*state, mode="exact", **options).loc
    fast = nbody.integrate(*state, mode="fast", **options).loc
    shaken = start.loc * (1 + 1e-14 * np.random.default_rng(seed).normal(size=start.loc.shape))
    other = nbody.integrate(shaken, *state[1:], mode="exact", **options).loc
    tame = np.abs(other - exact).max((1, 2, 3)) < FIRST_FRAMES
    assert tame.sum() >= 7  # the comparison has something to compare
    assert np.abs(fast - exact).max((1, 2, 3))[tame].max() < FIRST_FRAMES


def test_random_numbers_are_drawn_in_the_references_order() -> None:
    """Charges, positions, velocities, and noise that nobody uses: with numpy's own generator."""
    n, frames, random = 6, 3, np.random.RandomState(11)
    drawn = Sampler(nbody.Config(n, steps=400, seed=11)).next(5)
    for m in range(5):
        charges = random.choice([-1.0, 0.0, 1.0], size=(n, 1), p=[0.5, 0, 0.5])
        loc = random.randn(3, n) * (n / 5.0) ** (1 / 3)
        vel = random.randn(3, n)
        vel = vel * 0.5 / np.sqrt((vel**2).sum(axis=0))
        random.randn(frames, 3, n)
        random.randn(frames, 3, n)
        assert np.array_equal(drawn.charges[m], charges[:, 0])
        assert np.array_equal(drawn.loc[m], loc.T)  # within the box at this seed: not reflected
        assert np.array_equal(drawn.vel[m], vel.T)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_compiled_random_numbers_are_numpys(n: int) -> None:
    config = nbody.Config(n, steps=900, seed=5)
    one, other = (Sampler(config, compiled=flag) for flag in (True, False))
    for count in (1, 30, 7):  # the state goes on from one call to the next
        for a, b in zip(one.next(count)[:3], other.next(count)[:3], strict=True):
            assert np.array_equal(a, b)


def test_one_seed_makes_train_then_val_then_test() -> None:
    whole = nbody.simulate(9, 5, steps=200, seed=4)
    first = nbody.simulate(4, 5, steps=200, seed=4)
    train, val, test = whole.split((4, 3, 2))
    assert np.array_equal(train.loc, first.loc)
    assert [len(train), len(val), len(test)] == [4, 3, 2]
    assert np.array_equal(test.vel, whole.vel[7:])


def test_initial_positions_are_reflected_with_their_velocities() -> None:
    config = nbody.Config(40, box_size=0.5, seed=1)
    drawn = Sampler(config).next(3)
    assert np.abs(drawn.loc).max() <= 0.5
    assert np.allclose(np.linalg.norm(drawn.vel, axis=-1), 0.5)
    free = Sampler(nbody.Config(40, box_size=1e6, seed=1)).next(3)
    once = (free.loc > 0.5) & (free.loc < 1.5)
    assert once.any()
    assert np.array_equal(drawn.loc[once], 1 - free.loc[once])
    assert np.array_equal(drawn.vel[once], -np.abs(free.vel[once]))


def test_frames_are_velocity_then_position_steps() -> None:
    """An independent loop: v += dt F(x), x += dt v, frame k at step (k + 1) * sample_every."""
    config = nbody.Config(4, steps=40, sample_every=10, seed=8, max_force=0.3)
    start = Sampler(config).next(1)
    x, v, q = start.loc[0].copy(), start.vel[0].copy(), start.charges[0]
    result = nbody.simulate(1, 4, steps=40, sample_every=10, seed=8, max_force=0.3)
    for step in range(1, 31):
        force = np.zeros((4, 3))
        for i in range(4):
            for j in range(4):
                if i != j:
                    d = x[i] - x[j]
                    force[i] += q[i] * q[j] * d / np.linalg.norm(d) ** 3
        v += 1e-3 * np.clip(force, -0.3, 0.3)
        x += 1e-3 * v
        if step % 10 == 0:
            assert np.allclose(result.loc[0, step // 10 - 1], x, rtol=0, atol=1e-13)
            assert np.allclose(result.vel[0, step // 10 - 1], v, rtol=0, atol=1e-13)

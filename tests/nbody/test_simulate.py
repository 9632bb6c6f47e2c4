"""Simulating: any size, any number of threads, to memory and to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eqnorm import nbody


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 33, 400])
def test_any_number_of_particles(n: int, mode: str) -> None:
    result = nbody.simulate(2, n, steps=4, sample_every=1, mode=mode)
    assert result.loc.shape == result.vel.shape == (2, 3, n, 3)
    assert result.charges.shape == (2, n)
    assert set(np.unique(result.charges)) <= {-1.0, 1.0}
    assert np.isfinite(result.loc).all()


def test_a_single_particle_flies_straight() -> None:
    result = nbody.simulate(3, 1, steps=1000)
    assert np.allclose(np.diff(result.loc, axis=1), 0.1 * result.vel[:, 1:], atol=1e-12)


@pytest.mark.parametrize("n", [5, 12])
def test_result_is_the_same_to_the_bit_for_any_threads_and_chunks(n: int) -> None:
    config = nbody.Config(n, steps=600)
    whole = nbody.simulate(37, n, steps=600, threads=1)
    for threads, chunk_size in ((2, None), (3, 5), (1, 1), (4, 16)):
        chunks = list(nbody.generate(config, 37, threads=threads, chunk_size=chunk_size))
        assert np.array_equal(np.concatenate([c.loc for c in chunks]), whole.loc)
        assert np.array_equal(np.concatenate([c.vel for c in chunks]), whole.vel)


def test_exact_mode_does_not_depend_on_its_blocks() -> None:
    config = nbody.Config(6, steps=300, mode="exact")
    whole = nbody.simulate(11, 6, steps=300, mode="exact", threads=1)
    chunks = list(nbody.generate(config, 11, threads=2, chunk_size=4))
    assert np.array_equal(np.concatenate([c.loc for c in chunks]), whole.loc)


def test_frames_kept_do_not_change_the_numbers() -> None:
    whole = nbody.simulate(10, 5, steps=1000)
    some = nbody.simulate(10, 5, steps=1000, frames=(2, 7))
    assert list(some.frames) == [2, 7]
    assert np.array_equal(some.loc, whole.loc[:, [2, 7]])
    assert np.array_equal(some.at(7)[1], whole.at(7)[1])


def test_noise_is_added_to_the_recorded_frames_only() -> None:
    clean = nbody.simulate(40, 5, steps=500)
    noisy = nbody.simulate(40, 5, steps=500, noise=0.1)
    difference = noisy.loc - clean.loc
    assert 0.09 < difference.std() < 0.11
    kept = nbody.simulate(40, 5, steps=500, noise=0.1, frames=(3,))
    assert np.array_equal(kept.loc[:, 0], noisy.loc[:, 3])


def test_different_seeds_differ() -> None:
    assert not np.array_equal(
        nbody.simulate(1, 5, steps=200, seed=1).loc, nbody.simulate(1, 5, steps=200, seed=2).loc
    )


def test_streaming_to_a_file_gives_the_same(tmp_path: Path) -> None:
    memory = nbody.simulate(20, 5, steps=300)
    disk = nbody.simulate(20, 5, steps=300, out=tmp_path / "deep" / "file.eqnbody")
    assert isinstance(disk.loc, np.memmap)
    for name in ("loc", "vel", "charges", "frames"):
        assert np.array_equal(getattr(memory, name), getattr(disk, name))
    assert disk.config == memory.config
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["file.eqnbody"]


def test_streaming_holds_one_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks are of bounded size whatever the number of trajectories."""
    monkeypatch.setattr("eqnorm.nbody.simulation._CHUNK_BYTES", 1 << 16)
    sizes = [len(c) for c in nbody.generate(nbody.Config(5, steps=200), 1000, threads=1)]
    assert sum(sizes) == 1000
    assert max(sizes) * 240 <= 1 << 16


@pytest.mark.parametrize("n", [5, 20])
def test_energy_drift_is_small(n: int) -> None:
    drift = np.abs(nbody.simulate(64, n, steps=2000).energy_drift())
    assert np.median(drift) < 0.02
    assert drift.shape == (64,)


def test_energy_drift_shrinks_with_the_time_step() -> None:
    """No clamp, no close encounters: a symplectic scheme of first order."""
    loc = np.array([[[-1.0, 0, 0], [1.0, 0, 0]]])
    vel = np.array([[[0, -0.35, 0], [0, 0.35, 0]]])
    charges = np.array([[1.0, -1.0]])
    drift = []
    for halving in (1, 2, 4):
        result = nbody.integrate(
            loc, vel, charges, steps=4000 * halving, sample_every=10 * halving,
            time_step=1e-3 / halving, max_force=1e9,
        )  # fmt: skip
        energies = result.energies()[0]
        drift.append(np.ptp(energies))
    assert drift[0] < 2e-3
    assert drift[0] / drift[1] == pytest.approx(2, rel=0.1)
    assert drift[1] / drift[2] == pytest.approx(2, rel=0.1)


def test_energy_is_that_of_a_naive_loop(rng: np.random.Generator) -> None:
    loc, vel = rng.normal(size=(2, 3, 4, 3)), rng.normal(size=(2, 3, 4, 3))
    charges = rng.choice([-1.0, 1.0], size=(2, 3, 4))
    found = nbody.energy(loc, vel, charges, interaction=0.7)
    for index in np.ndindex(2, 3):
        x, v, q = loc[index], vel[index], charges[index]
        expected = 0.5 * (v**2).sum()
        for i in range(4):
            for j in range(i):
                expected += 0.7 * q[i] * q[j] / np.linalg.norm(x[i] - x[j])
        assert found[index] == pytest.approx(expected, rel=1e-12)


def test_progress_is_reported_to_a_function() -> None:
    seen: list[tuple[int, int]] = []
    nbody.simulate(50, 5, steps=200, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (50, 50)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    nbody.simulate(8, 5, steps=200, progress=True)
    assert "8/8" in capsys.readouterr().err


def test_positions_that_are_not_finite_are_warned_of() -> None:
    loc = np.array([[[0.0, 0, 0], [1e-3, 0, 0]]])
    with pytest.warns(RuntimeWarning, match="1 of 1 trajectories .* smaller time_step"):
        nbody.integrate(
            loc, 0 * loc, np.ones((1, 2)), steps=20, sample_every=10,
            time_step=1e200, max_force=1e300,
        )  # fmt: skip


def test_official_layout_round_trip(short: nbody.Trajectories) -> None:
    loc, vel, edges, charges = short.to_official()
    assert loc.shape == (12, 9, 3, 4)
    assert edges.shape == (12, 4, 4)
    again = nbody.Trajectories.from_official(loc, vel, charges)
    assert np.array_equal(again.loc, short.loc)
    assert np.array_equal(again.charges, short.charges)

"""Cached simulations: made once, checked always, made anew when damaged."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eqnorm import nbody
from eqnorm.nbody import cache

OPTIONS: dict[str, Any] = {"steps": 100, "sample_every": 10, "seed": 3}


def load(directory: Path, **changes: Any) -> nbody.Trajectories:
    return nbody.load_or_simulate(12, 4, cache_dir=directory, **{**OPTIONS, **changes})


def no_simulation(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("simulated although there is a file")


def only_file(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


def test_the_second_time_is_read_from_the_file(
    tmp_path: Path, short: nbody.Trajectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(tmp_path)
    monkeypatch.setattr(cache, "generate", no_simulation)
    second = load(tmp_path)
    assert np.array_equal(first.loc, short.loc)
    assert np.array_equal(second.loc, short.loc)
    with pytest.raises(AssertionError, match="although there is a file"):
        load(tmp_path, rebuild=True)


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"mode": "exact"}, {"frames": (1, 2)}, {"time_step": 2e-3}]
)
def test_other_parameters_are_another_file(tmp_path: Path, change: dict[str, Any]) -> None:
    load(tmp_path)
    load(tmp_path, **change)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-7], "is truncated"),
        (lambda data: data[:30], "is truncated"),
        (lambda data: b"", "is not an eqnorm N-body file"),
        (lambda data: data[:-500] + bytes([data[-500] ^ 4]) + data[-499:], "is damaged"),
        (lambda data: data[:8] + b"\x09" + data[9:], "format version 9"),
    ],
    ids=["truncated", "partial header", "empty", "bit flip", "version"],
)
def test_a_damaged_file_is_made_anew(
    tmp_path: Path, short: nbody.Trajectories, damage: Any, words: str
) -> None:
    load(tmp_path)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.warns(nbody.RebuiltFileWarning, match=f"{words}.*simulating it again"):
        found = load(tmp_path)
    assert np.array_equal(found.loc, short.loc)
    assert path.read_bytes() == whole
    load(tmp_path)  # and no warning


def test_a_file_of_another_simulation_is_made_anew(
    tmp_path: Path, short: nbody.Trajectories
) -> None:
    load(tmp_path)
    path = only_file(tmp_path)
    nbody.save_trajectories(path, nbody.simulate(12, 4, steps=100, sample_every=10, seed=99))
    with pytest.warns(nbody.RebuiltFileWarning, match="holds another simulation"):
        assert np.array_equal(load(tmp_path).loc, short.loc)


def test_an_unwritable_directory_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write the N-body file .*EQNORM_CACHE"):
        load(tmp_path / "file")


def test_directory_is_the_argument_or_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nbody.cache_directory(tmp_path) == tmp_path
    monkeypatch.setenv("EQNORM_CACHE", "/one")
    assert nbody.cache_directory() == Path("/one")
    monkeypatch.delenv("EQNORM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert nbody.cache_directory() == Path("/two/eqnorm")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert nbody.cache_directory() == Path.home() / ".cache" / "eqnorm"


def build(directory: Path, barrier: Any, results: Any) -> None:
    barrier.wait()
    for _ in range(3):
        found = nbody.load_or_simulate(12, 4, cache_dir=directory, rebuild=True, **OPTIONS)
        results.put(float(np.asarray(found.loc).sum()))


def test_two_processes_may_build_the_same_file(tmp_path: Path, short: nbody.Trajectories) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    builders = [context.Process(target=build, args=(tmp_path, barrier, results)) for _ in range(2)]
    for builder in builders:
        builder.start()
    sums = [results.get(timeout=120) for _ in range(6)]
    for builder in builders:
        builder.join(timeout=60)
        assert builder.exitcode == 0
    assert sums == [float(short.loc.sum())] * 6
    assert np.array_equal(nbody.load_trajectories(only_file(tmp_path)).loc, short.loc)

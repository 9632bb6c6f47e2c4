"""Every bad input: an error that names the argument, what was expected, what came, and the fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from eqnorm import nbody

simulate: Callable[..., Any] = nbody.simulate
dataset: Callable[..., Any] = nbody.NBodyDataset

SIMULATION: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((0, 5), {}, ValueError, "num_trajectories must be at least 1, got 0"),
    ((2.5, 5), {}, TypeError, r"num_trajectories must be an integer .*got 2.5 \(float\)"),
    ((True, 5), {}, TypeError, "num_trajectories must be an integer .*got True"),
    ((1, -3), {}, ValueError, "num_particles must be at least 1, got -3"),
    ((1, "5"), {}, TypeError, r"num_particles must be an integer at least 1, got '5' \(str\)"),
    ((1, 5), {"steps": 250}, ValueError, "multiple of sample_every=100.*got 250; .*steps=200"),
    ((1, 5), {"steps": 100}, ValueError, "at least twice it, got 100; for example steps=200"),
    ((1, 5), {"steps": -100}, ValueError, "steps must be at least 2, got -100"),
    ((1, 5), {"sample_every": 0}, ValueError, "sample_every must be at least 1, got 0"),
    ((1, 5), {"seed": -1}, ValueError, "seed must be from 0 to 4294967295, got -1"),
    ((1, 5), {"seed": 2**32}, ValueError, "seed must be from 0 to 4294967295"),
    ((1, 5), {"mode": "fsat"}, ValueError, "mode must be one of 'exact', 'fast'.*mean 'fast'"),
    ((1, 5), {"mode": None}, TypeError, "mode must be one of 'exact', 'fast', got None"),
    ((1, 5), {"frames": (30, 60)}, ValueError, "frames must be less than 49, .*got 60; raise st"),
    ((1, 5), {"frames": (40, 30)}, ValueError, r"distinct and ascending, .*got \(40, 30\)"),
    ((1, 5), {"frames": ()}, ValueError, r"not empty, got \(\); for example \(30, 40\)"),
    ((1, 5), {"frames": (-1, 3)}, ValueError, "frames must be at least 0, got -1"),
    ((1, 5), {"frames": "all"}, TypeError, "frames must be a sequence of integers or None"),
    ((1, 5), {"time_step": 0}, ValueError, "time_step must be finite and greater than 0, got 0"),
    ((1, 5), {"time_step": float("nan")}, ValueError, "time_step must be finite .*got nan"),
    ((1, 5), {"box_size": -1}, ValueError, "box_size must be finite and greater than 0"),
    ((1, 5), {"noise": -0.1}, ValueError, "noise must be finite and at least 0, got -0.1"),
    ((1, 5), {"speed": "fast"}, TypeError, "speed must be a number at least 0, got 'fast'"),
    ((1, 5), {"max_force": 0}, ValueError, "max_force must be finite and greater than 0"),
    ((1, 5), {"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    ((1, 5), {"threads": -2}, ValueError, "threads must be at least 1, got -2"),
    ((1, 5), {"step": 300}, ValueError, "parameter must be one of .*got 'step'; .*mean 'steps'"),
]


@pytest.mark.parametrize(("args", "options", "kind", "words"), SIMULATION)
def test_simulate(
    args: tuple[Any, ...], options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        simulate(*args, **options)


def states(n: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, n, 3)), rng.normal(size=(2, n, 3)), np.ones((2, n))]


def with_value(index: int, value: Any, where: Any = ...) -> list[np.ndarray]:
    arrays = states()
    arrays[index][where] = value
    return arrays


INTEGRATION: list[tuple[Any, dict[str, Any], str]] = [
    ([a[0] for a in states()], {}, r"loc and vel must have shape \(M, N, 3\).*first dimension"),
    ([*states()[:2], np.ones((2, 4))], {}, r"charges \(M, N\), got .*\(2, 4\)"),
    (with_value(0, np.nan, (1, 2, 0)), {}, "loc must be finite, got NaN"),
    (with_value(2, np.inf, (0, 0)), {}, "charges must be finite"),
    (with_value(0, 1.0, (1, slice(0, 2))), {}, "two particles of system 1 coincide"),
    (states(), {"noise": 0.1}, "noise must be 0 in integrate.*got 0.1; use simulate"),
]


@pytest.mark.parametrize(("arrays", "options", "words"), INTEGRATION)
def test_integrate(arrays: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nbody.integrate(*arrays, steps=200, **options)


DATASET: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"task": "nbdy"}, ValueError, "task must be one of 'nbody', .*got 'nbdy'; did you mean 'nbo"),
    ({"task": 3}, TypeError, r"task must be a name .* or a pair .*got 3; for example \(30, 40\)"),
    ({"task": (8, 6)}, ValueError, r"input frame before its target.*got \(8, 6\).*\(6, 8\)"),
    ({"task": (-1, 6)}, ValueError, "task must be at least 0, got -1"),
    ({"task": (3, 40)}, ValueError, "frame must be one of the frames kept, 0 to 8, got 40"),
    ({"task": (1, 2), "features": "sped"}, ValueError, "features must be one of .*mean 'speed'"),
    ({"task": (1, 2), "features": ()}, ValueError, "features must name at least one"),
    ({"task": (1, 2), "limit": 0}, ValueError, "limit must be at least 1, got 0"),
    ({"task": (1, 2), "dtype": torch.int64}, TypeError, "dtype must be a floating torch dtype"),
]


@pytest.mark.parametrize(("options", "kind", "words"), DATASET)
def test_dataset(
    short: nbody.Trajectories, options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        dataset(short, **options)


def test_dataset_of_something_else() -> None:
    with pytest.raises(TypeError, match="trajectories must be Trajectories, got ndarray; make"):
        dataset(np.zeros(3))


def test_batch_size(short: nbody.Trajectories) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        next(nbody.NBodyDataset(short, (1, 2)).batches(0))


def test_index_out_of_range(short: nbody.Trajectories) -> None:
    with pytest.raises(IndexError, match="index must be less than 12, got 12"):
        nbody.NBodyDataset(short, (1, 2))[12]


@pytest.mark.parametrize("sizes", [(3, 2), "abc", 7])
def test_sizes_of_splits(sizes: Any) -> None:
    with pytest.raises(ValueError, match=r"sizes must be three numbers \(train, val, test\), got"):
        nbody.load_datasets(5, sizes=sizes)


def test_frames_of_splits_beyond_the_simulation() -> None:
    with pytest.raises(ValueError, match="frames must be less than 9, .*got 40; raise steps"):
        nbody.load_datasets(5, steps=1000)


def test_trajectories(short: nbody.Trajectories) -> None:
    with pytest.raises(ValueError, match=r"loc must have shape \(M, T, N, 3\) = .*from_official"):
        nbody.Trajectories(short.loc.swapaxes(2, 3), short.vel, short.charges, short.frames)
    with pytest.raises(ValueError, match=r"loc must have shape \(M, T, 3, N\), got \(12, 9, 4, 3"):
        nbody.Trajectories.from_official(short.loc, short.vel, short.charges)
    with pytest.raises(ValueError, match="sizes must sum to at most the 12 trajectories, got 13"):
        short.split((6, 7))
    index: Any = 3
    with pytest.raises(TypeError, match=r"index must be a slice, got 3; .* use \[m : m \+ 1\]"):
        short[index]


def test_energy(short: nbody.Trajectories) -> None:
    with pytest.raises(ValueError, match=r"loc and vel must have shape \(\.\.\., N, 3\)"):
        nbody.energy(short.loc, short.vel, short.charges)


def test_official(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="split must be one of .*got 'validation'"):
        nbody.load_official(tmp_path, "validation")
    with pytest.raises(ValueError, match="task must be one of .*got 'spring'"):
        nbody.official_datasets(tmp_path, "spring")

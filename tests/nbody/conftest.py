"""What the N-body tests share: short simulations, and a cache directory of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from eqnorm import nbody


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQNORM_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def short() -> nbody.Trajectories:
    """12 systems of 4 particles, 9 frames."""
    return nbody.simulate(12, 4, steps=100, sample_every=10, seed=3)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)

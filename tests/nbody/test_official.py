"""The official files, by small ones in the same layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eqnorm import nbody

SUFFIX = "charged5_initvel1small"


@pytest.fixture
def official(tmp_path: Path) -> Path:
    parts = nbody.simulate(9, 5, steps=4200, seed=43).split((4, 3, 2))
    for name, part in zip(("train", "valid", "test"), parts, strict=True):
        arrays = zip(("loc", "vel", "edges", "charges"), part.to_official(), strict=True)
        for kind, array in arrays:
            np.save(tmp_path / f"{kind}_{name}_{SUFFIX}.npy", array)
    return tmp_path


def test_round_trip(official: Path) -> None:
    simulated = nbody.simulate(9, 5, steps=4200, seed=43)
    train = nbody.load_official(official, "train")
    val = nbody.load_official(official, "val")
    test = nbody.load_official(official, "test")
    assert np.array_equal(train.loc, simulated.loc[:4])
    assert np.array_equal(val.vel, simulated.vel[4:7])
    assert np.array_equal(test.charges, simulated.charges[7:])
    assert np.array_equal(train.at(40)[0], simulated.at(40)[0][:4])


def test_data_sets_are_those_of_the_simulation(official: Path) -> None:
    loaded = nbody.official_datasets(official, max_train=2)
    simulated = nbody.load_datasets(5, sizes=(4, 3, 2), max_train=2, steps=4200)
    for one, other in zip(loaded, simulated, strict=True):
        for a, b in zip(one.batches(10), other.batches(10), strict=True):
            assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert [len(part) for part in loaded] == [2, 3, 2]


def test_a_missing_file_says_what_is_there(official: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"no loc_train_other.npy .*there: {SUFFIX}"):
        nbody.load_official(official, suffix="other")
    with pytest.raises(FileNotFoundError, match="no such files are there.*load_datasets"):
        nbody.load_official(official / "nowhere")
    (official / f"charges_test_{SUFFIX}.npy").unlink()
    with pytest.raises(FileNotFoundError, match="no charges_test_"):
        nbody.load_official(official, "test")


@pytest.mark.parametrize("kind", ["vel", "edges", "charges"])
def test_shapes_that_do_not_match(official: Path, kind: str) -> None:
    path = official / f"{kind}_train_{SUFFIX}.npy"
    np.save(path, np.load(path)[:-1])
    with pytest.raises(ValueError, match=rf"{kind}_train_{SUFFIX}.npy must have shape .*same run"):
        nbody.load_official(official)


def test_loc_of_another_layout(official: Path) -> None:
    path = official / f"loc_train_{SUFFIX}.npy"
    np.save(path, np.load(path).swapaxes(2, 3))
    with pytest.raises(ValueError, match=r"loc_train_.* must have shape .*\(M, T, 3, N\)"):
        nbody.load_official(official)


def test_edges_that_are_not_the_charge_products(official: Path) -> None:
    path = official / f"edges_train_{SUFFIX}.npy"
    np.save(path, -np.load(path))
    with pytest.raises(ValueError, match="must hold the products of the charges"):
        nbody.load_official(official)


def test_a_truncated_npy(official: Path) -> None:
    path = official / f"vel_train_{SUFFIX}.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"is not a whole .npy file .*generate it again"):
        nbody.load_official(official)

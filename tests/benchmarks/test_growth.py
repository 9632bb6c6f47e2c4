"""The scaling measurement: its fits and its limits, and one small point of it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.benchmarks import growth

SIZES = (100, 1_000, 10_000)


def rows(power: float, **other: object) -> list[growth.Row]:
    return [
        {"graph": "cutoff", "model": "m", "nodes": n, "seconds": 1e-4 * n**power, "MiB": 1e-2 * n}
        | other
        for n in SIZES
    ]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_a_power_law_has_its_exponent(power: float) -> None:
    assert growth.slope(rows(power), "seconds") == pytest.approx(power)
    assert f"| {power:.2f} | 1.00 |" in growth.table(rows(power), "cutoff")


def test_a_series_ends_before_what_takes_too_long() -> None:
    assert growth.too_much(rows(1.0), 30_000) is None
    assert growth.too_much(rows(1.4), 30_000) == "about 185 s"
    assert growth.too_much([], 30_000) is None


def test_a_point_is_measured_in_a_process_of_its_own_and_written(tmp_path: Path) -> None:
    pytest.importorskip("vesin")
    pytest.importorskip("matplotlib")
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    found = growth.series("cutoff", "egnn_vel, torch", [100], None, 0.01)
    (row,) = found
    assert row["nodes"] == 100
    assert row["edges"] == pytest.approx(2_000, rel=0.2)
    # Some ten copies of 64 features in 4 layers for 2,000 edges are 20 MiB.
    assert 5 < row["MiB"] < 80
    assert 0 < row["neighbour_list_seconds"] < row["seconds"]
    growth.write(found, tmp_path)
    with (tmp_path / "growth.csv").open() as file:
        assert [r["model"] for r in csv.DictReader(file)] == ["egnn_vel, torch"]
    from tests.benchmarks.growth_plot import plot

    plot(found, tmp_path / "growth")
    assert {p.name for p in tmp_path.iterdir()} == {"growth.csv", "growth.png", "growth.svg"}


def test_a_point_that_fails_ends_its_series_and_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert growth.series("cutoff", "official EGNN", [100, 300], tmp_path, 0.01) == []
    assert "100 nodes failed: ModuleNotFoundError: No module named" in capsys.readouterr().out

"""The leaderboard in miniature: it runs, resumes, and its ranking means what it says."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from examples.demo.results import Baseline, Run
from examples.leaderboard import grid, standings, tables
from examples.leaderboard.__main__ import main
from examples.leaderboard.entries import entries


def run(losses: list[float | None], test: float | None, group: str = "norm: a", n: int = 20) -> Run:
    return Run(
        key="k",
        group=group,
        choice="0",
        model="egnn_vel",
        num_particles=n,
        layers=3,
        batch_size=1,
        learning_rate=1e-3,
        planned_steps=len(losses),
        options={},
        status="finished" if test is not None else "diverged",
        train_mse=losses,
        test_mse=[test],
    )


def test_every_registered_norm_competes():
    import eqnorm

    competing = {name for entry in entries() for name in map(str, entry.options.values())}
    assert set(eqnorm.list_norms()) - {"identity"} <= competing


def test_stable_means_never_far_above_no_motion_after_the_start():
    calm = [50.0] + [0.2] * 19
    assert standings.is_stable(run([9.0, 9.0, *calm[2:]], 0.2), no_motion=0.3)
    assert not standings.is_stable(run([*calm[:10], 3.1, *calm[11:]], 0.2), no_motion=0.3)
    assert not standings.is_stable(run([0.2, None], None), no_motion=0.3)


def test_the_ranking_puts_stability_before_accuracy():
    steady = run([0.2] * 20, 0.2, "norm: steady")
    sharp = run([0.2] * 10 + [99.0] + [0.1] * 9, 0.1, "norm: sharp")
    broken = run([0.2, None], None, "norm: broken")
    rows = standings.standings([broken, sharp, steady], {20: 0.3}, {"norm: steady": 1.1})
    assert [row.name for row in rows] == ["steady", "sharp", "broken"]
    assert rows[0].cost == 1.1
    assert rows[2].mse[20] == math.inf
    table = tables.markdown(rows, [Baseline(20, 1, 1, 0.3, 0.1, 0.7)])
    assert "| broken | norm | 0% | 0% | broke |" in table


@pytest.mark.timeout(240)
def test_it_runs_and_an_interrupted_one_goes_on(tmp_path: Path, capsys):
    options = ["--miniature", "--out", str(tmp_path), "--workers", "1"]
    assert main(options) == 0
    out = tmp_path / "miniature"
    files = sorted((out / "runs").glob("*.json"))
    assert len(files) == len(grid.runs(grid.MINIATURE))
    before = {path: path.stat().st_mtime_ns for path in files}
    files[0].unlink()
    files[1].write_text("half a fi")  # as after a crash of the disk
    shutil.rmtree(out / "data")
    assert main(options) == 0
    done_again = [path for path in files if path.stat().st_mtime_ns != before[path]]
    assert done_again == files[:2]
    assert "runs are there already" in capsys.readouterr().out
    for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.png", "costs.json"):
        assert (out / name).stat().st_size > 0

"""Sweeps: they go on where they stopped, by every launcher, and one table gathers them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from examples.nbody import gather, train
from examples.nbody.naming import run_name
from tests.examples.nbody import tiny

SWEEP = ("norm=null,geonorm",)


def arguments(cache: Path, *more: str) -> list[str]:
    return ["--multirun", *tiny.options(cache, *SWEEP, *more)]


def times(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def finished(out: Path) -> list[Path]:
    return sorted(path.parent for path in out.glob("*/results.json"))


def test_interrupted_sweep_goes_on(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two runs lost: the other is left as it is, to the time stamps of its files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train", *arguments(cache, "epochs=2", "out=mine")])
    train.main()
    out = tmp_path / "mine"
    kept, lost = finished(out)
    assert "norm=geonorm" in kept.name
    assert "norm=null" in lost.name
    first = json.loads((lost / "results.json").read_text())
    (lost / "results.json").unlink()
    before = times(kept)
    assert gather.main([str(out)]) == 0
    (done, open_) = tiny.rows(out / "table.csv")
    assert (done["state"], done["model.norm"], open_["state"]) == (
        "finished",
        "geonorm",
        "unfinished",
    )
    assert (open_["steps"], open_["test_mse"]) == ("10", "")
    train.main()
    assert times(kept) == before
    again = json.loads((lost / "results.json").read_text())
    assert again["resumed"]
    assert tiny.same_results(first, again)
    capsys.readouterr()
    assert gather.main([str(out)]) == 0
    printed = capsys.readouterr().out
    assert "unfinished" not in printed
    assert printed.count("finished") == 2
    for row, folder in zip(tiny.rows(out / "table.csv"), (kept, lost), strict=True):
        results = json.loads((folder / "results.json").read_text())
        assert float(row["test_mse"]) == results["test_mse"]
        assert float(row["no_motion"]) == results["baselines"]["no_motion"]
        assert row["folder"] == folder.name


def test_diverged_runs_in_the_table(tmp_path: Path, cache: Path) -> None:
    tiny.run(tmp_path / "a", cache, "stop_above=1e-9")
    tiny.run(tmp_path / "b", cache, "norm={name:geonorm,faithful:true}", "epochs=1")
    first, second = gather.gather(tmp_path)
    assert (first["state"], first["diverged_step"]) == ("diverged", 1)
    assert "loss" in first["diverged_where"]
    assert second["state"] == "finished"
    assert second["model.norm"] == {"name": "geonorm", "faithful": True}
    names = gather.columns([first, second])
    assert names[: len(gather.ALWAYS)] == list(gather.ALWAYS)
    assert {"epochs", "stop_above"} <= set(names)
    assert "clip" not in names


def test_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gather.main([str(tmp_path)]) == 1
    assert "no runs below" in capsys.readouterr().err


def test_a_run_that_fails_does_not_stop_the_others(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = tiny.options(cache, "norm=geonrm,null", "epochs=1")
    monkeypatch.setattr("sys.argv", ["train", "--multirun", *given])
    with pytest.raises(SystemExit):
        train.main()
    assert ["norm=null" in path.name for path in finished(tmp_path / "runs/nbody")] == [True]


class TestNames:
    def test_order_and_what_changes_no_number(self) -> None:
        one = ["seed=1", "data.n=5", "folder=x", "out=y", "trainer.log_every_n_steps=5"]
        other = ["data.n=5", "seed=1", "threads=3", "trainer=ddp", "data.cache_dir=/tmp/x"]
        assert run_name(one) == run_name(other) == "data.n=5,seed=1"
        assert run_name(["trainer.precision=bf16-mixed"]) != run_name([])

    def test_fit_for_a_file_system(self) -> None:
        names = {run_name([f"norm={{name:a/{k},b:{'x' * 300}}}"]) for k in "yz"}
        assert len(names) == 2
        assert all(len(name) < 200 and "/" not in name for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_launchers(launcher: str, tmp_path: Path, cache: Path) -> None:
    """Several processes train what one does."""
    here = ["hydra/launcher=" + launcher]
    if launcher == "joblib":
        here.append("hydra.launcher.n_jobs=2")
    done = tiny.call(*arguments(cache, "epochs=2", "out=mine"), *here, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folders = finished(tmp_path / "mine")
    assert len(folders) == 2
    for folder, norm in zip(folders, ("geonorm", "null"), strict=True):
        alone = tiny.run(tmp_path / "alone" / norm, cache, f"norm={norm}", "epochs=2")
        assert tiny.same_results(alone, json.loads((folder / "results.json").read_text()))
    assert "Epoch" not in done.stdout


@pytest.mark.slow
def test_killed_sweep_goes_on(tmp_path: Path, cache: Path) -> None:
    """SIGKILL of the sweep and its workers while the second of four runs trains."""
    here = ("out=mine", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1")
    given = arguments(cache, "seed=1,2", "epochs=40", *here)
    process = subprocess.Popen(
        tiny.command(*given, cwd=tmp_path),
        cwd=tmp_path,
        env=tiny.environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    out = tmp_path / "mine"
    while process.poll() is None:
        begun = list(out.glob("*/checkpoints/last.ckpt"))
        if len(begun) == 2 and len(finished(out)) == 1:
            break
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    (kept,) = finished(out)
    before = times(kept)
    done = tiny.call(*given, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert times(kept) == before
    assert len(finished(out)) == 4
    rows = gather.gather(out)
    assert [row["state"] for row in rows] == ["finished"] * 4
    resumed = [f for f in finished(out) if json.loads((f / "results.json").read_text())["resumed"]]
    assert len(resumed) == 1
    row = next(r for r in rows if r["folder"] == resumed[0].name)
    norm = "null" if row["model.norm"] is None else row["model.norm"]
    whole = tiny.run(tmp_path / "w", cache, f"norm={norm}", f"seed={row['seed']}", "epochs=40")
    assert tiny.same_results(whole, json.loads((resumed[0] / "results.json").read_text()))
    assert tiny.history(resumed[0]) == tiny.history(tmp_path / "w")

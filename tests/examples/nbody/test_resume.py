"""A killed run, taken up, ends with the numbers of a run that nothing stopped, bit for bit."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from examples.nbody import records
from tests.examples.nbody import tiny

EPOCHS = "epochs=30"


@pytest.fixture(scope="module")
def whole(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing stopped."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    tiny.run(folder, cache, EPOCHS)
    return folder


def check_same(folder: Path, whole: Path) -> None:
    """Weights of both kinds, history, results."""
    assert tiny.same_weights(folder, whole)
    assert tiny.same_weights(folder, whole, "best")
    assert tiny.history(folder) == tiny.history(whole)
    left, right = (json.loads((f / records.RESULTS).read_text()) for f in (folder, whole))
    assert tiny.same_results(left, right)


def test_killed_run(tmp_path: Path, whole: Path, cache: Path) -> None:
    """SIGKILL in the middle of an epoch, by the log: a line a step, as it is flushed here."""
    folder = tmp_path / "run"
    given = [*tiny.options(cache, EPOCHS), f"folder={folder}"]
    process = subprocess.Popen(
        tiny.command(*given, cwd=tmp_path),
        cwd=tmp_path,
        env=tiny.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    tiny.kill_after(20, folder / "csv" / "version_0" / "metrics.csv", process)
    assert process.returncode == -9
    assert (folder / "checkpoints" / "last.ckpt").exists()
    assert not (folder / records.RESULTS).exists()
    results = tiny.run(folder, cache, EPOCHS)
    assert results["resumed"]
    assert len(list((folder / "csv").iterdir())) == 2
    check_same(folder, whole)


def test_stopped_in_every_way(
    tmp_path: Path, whole: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of epochs, before the first checkpoint, after training; folder moved between.

    The process does not end here, which makes no difference to files: what was not flushed is lost
    in both cases.
    """
    from examples.nbody.module import Dynamics

    class Killed(BaseException):
        pass

    step = Dynamics.training_step
    left = 0

    def training_step(self: Dynamics, batch: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return step(self, batch)  # type: ignore[arg-type]

    folder = tmp_path / "0"
    for number, left in enumerate((3, 14, 0, 42), start=1):  # noqa: B007
        monkeypatch.setattr(Dynamics, "training_step", training_step)
        with pytest.raises(Killed):
            tiny.run(folder, cache, EPOCHS)
        monkeypatch.undo()
        folder = Path(shutil.move(folder, tmp_path / str(number)))

    def test_step(self: Dynamics, batch: object) -> None:
        raise Killed

    monkeypatch.setattr(Dynamics, "test_step", test_step)
    with pytest.raises(Killed):
        tiny.run(folder, cache, EPOCHS)
    monkeypatch.undo()
    tiny.run(folder, cache, EPOCHS)
    check_same(folder, whole)


def test_other_numbers_are_seen(tmp_path: Path, whole: Path, cache: Path) -> None:
    """The comparison above fails for a run that differs."""
    tiny.run(tmp_path, cache, EPOCHS, "seed=31")
    with pytest.raises(AssertionError):
        check_same(tmp_path, whole)

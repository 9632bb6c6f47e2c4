"""The training application from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.nbody import train
from tests.examples.nbody import tiny


class TestCommand:
    """The command line, in a process of its own."""

    def test_output(self, tmp_path: Path, cache: Path) -> None:
        """A progress bar, the errors, and nothing else: no advice, no warnings."""
        given = [o for o in tiny.options(cache, "epochs=1") if "progress" not in o]
        done = tiny.call(*given, "norm={name:geonorm,faithful:true}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        bars = [line for line in lines if line.startswith(("Epoch 0/0", "Testing"))]
        assert bars
        rest = [line for line in lines if line not in bars]
        assert len(rest) == 1
        assert rest[0].startswith("test MSE 0.") or rest[0].startswith("test MSE ")
        assert "no_motion" in rest[0]
        assert "results in runs/nbody/" in rest[0]
        assert done.stderr == ""
        (folder,) = (tmp_path / "runs" / "nbody").iterdir()
        assert (folder / "results.json").exists()
        assert [p.name for p in tmp_path.iterdir()] == ["runs"]

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            ("norm=geonrm", "error: norm: unknown norm 'geonrm'"),
            ("edge_norm=geonorm", "edge_norm"),
            ("data.batch_size=41", "error: batch_size must be at most the 40 systems, got 41"),
            ("model.layers=0", "error: layers"),
            ("model=egn", "egnn_vel"),
            ("folder=/proc/nowhere", "error: "),
        ],
    )
    @pytest.mark.slow
    def test_one_clear_line(self, option: str, said: str, tmp_path: Path, cache: Path) -> None:
        done = tiny.call(*tiny.options(cache, option), cwd=tmp_path)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(tmp_path.glob("**/results.json"))

    def test_one_clear_line_here(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.argv", ["train", *tiny.options(cache, "norm=geonrm")])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit, match=r"^error: .*geonorm"):
            train.main()

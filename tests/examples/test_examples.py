"""Every numbered example runs as a reader would run it, in under a minute."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(ROOT.glob("[0-9][0-9]_*.py"))
# What each must print, so that an example that runs but shows nothing is found out.
SHOWS = {
    "01": ["geonorm: ", "come out with size"],
    "02": ["ok (", "rotation: ", "smallest system: "],
    "04": ["gcl_2: GeoNorm", "geonorm: SE(3)-equivariant", "layernorm: breaks rotation"],
    "05": ["rmsnorm: points move by", "ok ("],
    "06": ["first layer that is not finite: layers.", "the symmetry holds in every layer"],
}


def run(script: Path, cwd: Path, *paths: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=cwd,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{script.name}\n{done.stdout}\n{done.stderr}"
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_runs_and_shows_what_it_is_for(script: Path, tmp_path: Path) -> None:
    printed = run(script, tmp_path)
    for text in SHOWS[script.name[:2]]:
        assert text in printed, f"{text!r} is not in\n{printed}"


def test_a_package_with_an_entry_point_registers_its_norm(tmp_path: Path) -> None:
    """Installed as pip would, by its wheel, but into a folder of its own and without a network."""
    folder = ROOT / "03_register_your_own_norm"
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run(
        [*command, "--no-build-isolation", "--target", str(target), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    printed = run(folder / "use_it.py", tmp_path, target)
    assert "HullNorm: E3" in printed
    assert "import hullnorm" not in (folder / "use_it.py").read_text()


@pytest.mark.parametrize("path", [*SCRIPTS, *ROOT.glob("03_*/**/*.py")], ids=lambda path: path.stem)
def test_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 100

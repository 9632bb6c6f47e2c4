"""The command as a process, and without its extra."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import eqnorm
from eqnorm import cli


def test_console_script() -> None:
    script = Path(sys.executable).with_name("eqnorm")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "eqnorm.cli"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"eqnorm {eqnorm.__version__}\n"
    done = subprocess.run([*command, "check", "no_such"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "unknown model 'no_such'" in done.stderr


@pytest.mark.parametrize("lacking", ["typer", "rich", "hypothesis"])
def test_missing_extra_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lacking: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == lacking else find(name)
    )
    assert cli.main() == 2
    shown = capsys.readouterr().err
    assert shown == (
        f"error: the eqnorm command needs {lacking}; "
        "install it with: pip install 'eqnorm-zoo[cli]'\n"
    )

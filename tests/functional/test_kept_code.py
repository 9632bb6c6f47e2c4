"""Compiled code on disk is not used after a change of any source that it was made from."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import eqnorm

pytest.importorskip("numba")
kept, vector, points_lengths = (
    importlib.import_module(f"eqnorm.functional._kernels.{name}")
    for name in ("kept", "vector", "points_lengths")
)

LENGTHS = """
import numpy as np
from eqnorm.functional._kernels import points_lengths as lengths

@lengths.jit
def run(square):
    return lengths.root(square, 0.0)

print(run(4.0), sum(run.stats.cache_hits.values()))
"""


def test_a_change_of_what_is_called(tmp_path: Path) -> None:
    package = tmp_path / "eqnorm"
    kernels = package / "functional" / "_kernels"
    source = Path(eqnorm.__file__).parent
    for name in ("functional/_kernels", "functional/_points"):
        shutil.copytree(source / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (package, package / "functional"):
        (folder / "__init__.py").touch()
    (tmp_path / "caller.py").write_text(LENGTHS)

    def run() -> list[str]:
        found = subprocess.run(
            [sys.executable, "-B", "caller.py"],
            cwd=tmp_path,
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return found.stdout.split()

    assert run() == ["2.0", "0"]
    assert run() == ["2.0", "1"]
    called = kernels / "points_lengths.py"
    text = called.read_text()
    assert "return np.sqrt(square) if" in text
    called.write_text(text.replace("return np.sqrt(square) if", "return -np.sqrt(square) if"))
    assert run() == ["-2.0", "0"]


@pytest.mark.parametrize("module", [vector, points_lengths])
def test_no_place_to_write_to(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on read-only disks without a home: compiled in every process."""
    njit = kept.njit

    def refuse(cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(kept, "njit", refuse)
    assert module.jit(lambda number: number + 1)(2.0) == 3.0

"""The import contracts of pyproject.toml hold, and each of them can be broken."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.project import PACKAGES, PROJECT, PYPROJECT, ROOT

ALL = PYPROJECT["tool"]["importlinter"]["contracts"]
CONTRACTS = [contract["name"] for contract in ALL]

# An import that each contract forbids: the module that has it, and the import.
OFFENCES = {
    "Imports inside eqnorm go one way": ("eqnorm/functional/bad.py", "import eqnorm.registry"),
    "Checks work on any norm, and so name none": (
        "eqnorm/testing/bad.py",
        "import eqnorm.norms.identity",
    ),
    "eqnorm reaches backbones through entry points only": (
        "eqnorm/bad.py",  # in no layer: a norm that reaches eqnorm through a backbone breaks those
        "import eqnorm_adapters",
    ),
    "Backbones do not use one another": (
        "eqnorm_adapters/egnn_vel.py",
        "import eqnorm_adapters.tfn",
    ),
    "Backbones need neither the checks nor the simulator nor the commands": (
        "eqnorm_adapters/bad.py",
        "import eqnorm.testing.plugin",
    ),
    "Nothing installed imports tests or examples": (
        "eqnorm_adapters/bad.py",
        "import examples.demo",
    ),
    "The core needs no optional package": ("eqnorm/norms/bad.py", "import matplotlib.pyplot"),
}


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Check the two packages in a folder against the checkout's contracts."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", *options], cwd=folder, capture_output=True, text=True
    )


def copy(folder: Path) -> Path:
    for name, package in PACKAGES.items():
        shutil.copytree(package, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_all_hold(tmp_path: Path) -> None:
    done = lint(copy(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_backbone_is_under_contract() -> None:
    (contract,) = [c for c in ALL if c["type"] == "independence"]
    assert set(contract["modules"]) == set(PROJECT["entry-points"]["eqnorm.backbones"].values())


def test_every_backbone_has_an_entry_point() -> None:
    registering = {
        f"eqnorm_adapters.{file.stem}"
        for file in PACKAGES["eqnorm_adapters"].glob("*.py")
        if re.search(r"^@(eqnorm\.)?register_model\(", file.read_text(), flags=re.MULTILINE)
    }
    assert registering == set(PROJECT["entry-points"]["eqnorm.backbones"].values())


@pytest.mark.parametrize("contract", CONTRACTS)
def test_each_can_be_broken(contract: str, tmp_path: Path) -> None:
    path, statement = OFFENCES[contract]
    with (copy(tmp_path) / path).open("a") as file:
        file.write(f"\n{statement}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    broken = set(re.findall(r"^(.+) BROKEN", done.stdout, flags=re.MULTILINE))
    assert broken == {contract}, done.stdout + done.stderr

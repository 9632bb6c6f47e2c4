"""The commands that people and machines are told to run exist, and are the same everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.packaging.project import PROJECT, ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
CI = (ROOT / ".ci" / "run").read_text()
RULES = re.findall(r"^([a-z][a-z0-9 -]*):", MAKEFILE, flags=re.MULTILINE)
TARGETS = {name for rule in RULES for name in rule.split()}
DOCUMENTS = [p for p in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if p.exists()]


def make_commands(text: str) -> set[str]:
    """The targets of the `make` commands in a text: in backquotes, code blocks or scripts."""
    return set(
        re.findall(r"(?:^|[`\"$ ])make ([a-z][a-z-]*)(?=[\s`\"]|$)", text, flags=re.MULTILINE)
    )


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / ".ci" / "run"], ids=lambda p: p.name)
def test_make_targets_exist(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".md":  # prose has "make sure"
        text = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))
    assert make_commands(text) <= TARGETS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_documents_name_the_two_commands(path: Path) -> None:
    assert {"demo", "test"} <= make_commands(path.read_text())


def test_ci_runs_what_the_readme_says() -> None:
    assert "set -euo pipefail" in CI
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert {"lint", "typecheck", "contracts", "test"} <= make_commands(CI)


def test_pre_commit_hooks_need_no_network_and_are_those_of_lint() -> None:
    """A hook from another repository would have a version of its own."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = {hook["entry"].removeprefix(".venv/bin/") for hook in config["repos"][0]["hooks"]}
    assert hooks == {"ruff check --fix", "ruff format", "mypy", "lint-imports"}


def test_the_environment_is_installed_with_the_tested_versions() -> None:
    assert "-c constraints.txt -e '.[dev]'" in MAKEFILE
    assert re.search(r"^\$\(STAMP\): pyproject.toml constraints.txt$", MAKEFILE, flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
class TestMake:
    def make(self, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        # A `make` above this one (make test) must not pass its options on.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(
            ["make", *arguments], cwd=cwd, env=env, capture_output=True, text=True
        )

    def checkout(self, folder: Path) -> Path:
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)
        return folder

    def test_demo_and_test_commands(self) -> None:
        for target, command in {"demo": "-m examples.demo", "test": "-m pytest -n 2"}.items():
            assert command in self.make("--dry-run", target).stdout

    def test_help_lists_every_target(self) -> None:
        listed = {line.split()[0] for line in self.make("help").stdout.splitlines()}
        assert listed == TARGETS - {"help"} | {"help"}

    def test_an_old_python_is_refused_with_the_remedy(self, tmp_path: Path) -> None:
        old = tmp_path / "python3.9"
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 && exit 0\nexit 1\n')
        old.chmod(0o755)
        done = self.make("test", f"PYTHON={old}", cwd=self.checkout(tmp_path))
        assert done.returncode != 0
        wanted = PROJECT["requires-python"].removeprefix(">=")
        assert f"eqnorm needs Python {wanted} or newer" in done.stderr
        assert "Python 3.9.1" in done.stderr
        assert "make PYTHON=" in done.stderr

    def test_a_missing_python_is_named(self, tmp_path: Path) -> None:
        done = self.make("demo", "PYTHON=no-such-python", cwd=self.checkout(tmp_path))
        assert done.returncode != 0
        assert "no 'no-such-python' on the path" in done.stderr

    def test_installs_again_only_when_the_requirements_change(self, tmp_path: Path) -> None:
        folder = self.checkout(tmp_path)
        stamp = folder / ".venv" / ".installed"
        stamp.parent.mkdir()
        stamp.touch()
        assert "pip install" not in self.make("--dry-run", "test", cwd=folder).stdout
        later = stamp.stat().st_mtime + 10
        os.utime(folder / "constraints.txt", (later, later))
        assert "pip install" in self.make("--dry-run", "test", cwd=folder).stdout


def test_every_folder_of_tests_is_a_package() -> None:
    """Two test files of one name, in two folders, would otherwise be taken for one module."""
    folders = {file.parent for file in (ROOT / "tests").rglob("test_*.py")}
    assert not [f for f in sorted(folders) if not (f / "__init__.py").exists()]

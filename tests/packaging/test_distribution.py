"""What is built, what it holds, and that it works away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.packaging.project import PACKAGES, PROJECT, ROOT

NAME = "eqnorm_zoo"
VERSION = PROJECT["version"]


def run(*command: object, cwd: Path) -> str:
    """Run a command and return what it prints; its error output is the failure's message."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def package_files() -> dict[str, Path]:
    """Every file of the two packages, by its path in the wheel. Caches are no part of them."""
    return {
        str(Path(name, file.relative_to(folder))): file
        for name, folder in PACKAGES.items()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, as an installation from the sdist would.

    Without isolation: the build backend is installed with the development tools, and a test
    should not need a package index.
    """
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return wheel, sdist


class TestDistribution:
    def test_names(self, built: tuple[Path, Path]) -> None:
        wheel, sdist = built
        assert wheel.name == f"{NAME}-{VERSION}-py3-none-any.whl"
        assert sdist.name == f"{NAME}-{VERSION}.tar.gz"

    def test_wheel_holds_both_packages_and_nothing_else(self, built: tuple[Path, Path]) -> None:
        info = f"{NAME}-{VERSION}.dist-info"
        metadata = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
        with zipfile.ZipFile(built[0]) as wheel:
            held = set(wheel.namelist())
        assert held == set(package_files()) | {f"{info}/{m}" for m in metadata}
        assert {"eqnorm/py.typed", "eqnorm_adapters/py.typed"} <= held

    def test_sdist_holds_both_packages_and_nothing_else(self, built: tuple[Path, Path]) -> None:
        sources = {str(file.relative_to(ROOT)) for file in package_files().values()}
        # The back end always adds .gitignore, which says what it left out.
        others = {"pyproject.toml", "LICENSE", "PKG-INFO", ".gitignore"}
        others |= {PROJECT["readme"]} if "readme" in PROJECT else set()
        with tarfile.open(built[1]) as sdist:
            held = {m.name.removeprefix(f"{NAME}-{VERSION}/") for m in sdist if m.isfile()}
        assert held == sources | others

    def test_packages_hold_sources_only(self) -> None:
        """Nothing that a run left behind is shipped: results, data sets, compiled files."""
        strange = {
            name
            for name in package_files()
            if not name.endswith((".py", ".c", ".h")) and Path(name).name != "py.typed"
        }
        assert not strange

    @pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="no README.md yet")
    def test_readme_is_the_description(self, built: tuple[Path, Path]) -> None:
        with zipfile.ZipFile(built[0]) as wheel:
            text = wheel.read(f"{NAME}-{VERSION}.dist-info/METADATA").decode()
        assert "Description-Content-Type: text/markdown\n" in text, 'set readme = "README.md"'
        assert (ROOT / "README.md").read_text().strip() in text

    def test_metadata(self, built: tuple[Path, Path]) -> None:
        with zipfile.ZipFile(built[0]) as wheel:
            text = wheel.read(f"{NAME}-{VERSION}.dist-info/METADATA").decode()
        assert "Name: eqnorm-zoo\n" in text
        assert "License-Expression: MIT\n" in text
        assert f"Requires-Python: {PROJECT['requires-python']}\n" in text
        for extra in PROJECT["optional-dependencies"]:
            assert f"Provides-Extra: {extra}\n" in text

    def test_wheel_works_in_an_empty_environment(
        self, built: tuple[Path, Path], tmp_path: Path
    ) -> None:
        """Both packages come from the wheel, and the entry points load, away from the checkout."""
        run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
        python = tmp_path / "venv" / "bin" / "python"
        run(
            *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"),
            *("--no-index", built[0]),
            cwd=tmp_path,
        )
        site = Path(
            run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip()
        )
        assert {p.name for p in site.iterdir()} - {"__pycache__"} == {
            *PACKAGES,
            f"{NAME}-{VERSION}.dist-info",
        }
        # torch and the rest come from this environment, which would take minutes to install once
        # more. Its folder follows the wheel's on the path, and a folder added like this runs no
        # .pth file: the editable installation of the checkout stays out.
        (site / "others.pth").write_text(sysconfig.get_path("purelib"))
        found = run(
            *(python, "-W", "error", "-c", PROBE),
            cwd=tmp_path,
        ).split()
        assert found == [f"{site}/{name}/__init__.py" for name in PACKAGES]
        run(tmp_path / "venv" / "bin" / "eqnorm", "--help", cwd=tmp_path)


PROBE = """
import sys
import eqnorm, eqnorm_adapters
print(eqnorm.__file__, eqnorm_adapters.__file__)
from importlib.metadata import entry_points
for entry in entry_points(group="eqnorm.backbones"):
    module = entry.load()
    assert module.__file__.startswith(sys.prefix), module
assert eqnorm.list_models() and eqnorm.list_norms()
"""


def test_this_environment_is_that_of_the_checkout() -> None:
    """Guard: an old installation beside the checkout would make all tests test the wrong code."""
    import eqnorm
    import eqnorm_adapters

    assert Path(eqnorm.__file__).parent == PACKAGES["eqnorm"]
    assert Path(eqnorm_adapters.__file__).parent == PACKAGES["eqnorm_adapters"]
    declared = PROJECT["entry-points"]["eqnorm.backbones"]
    installed = {
        e.name: e.value
        for e in distribution("eqnorm-zoo").entry_points
        if e.group == "eqnorm.backbones"
    }
    assert installed == declared, "entry points changed: install again (`make venv`)"

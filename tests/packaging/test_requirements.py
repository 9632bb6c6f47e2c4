"""Declared, pinned and imported packages agree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.project import PACKAGES, PROJECT, ROOT

# The distribution that brings an import package of another name.
DISTRIBUTIONS = {"llvmlite": "numba"}  # a part of numba in all but name
# What each part of the library may import beyond the core's dependencies: its extra.
EXTRAS = {
    "eqnorm/testing": ["testing"],
    "eqnorm/nbody": ["nbody"],
    "eqnorm/cli": ["cli"],
    "eqnorm/_neighbors.py": ["neighbors"],
}
OPTIONAL = {"numba", "hypothesis", "typer", "rich", "matplotlib", "vesin", "lightning", "hydra"}


def expand(extras: list[str]) -> Iterator[Requirement]:
    """The core's requirements and those of extras, which may name further extras."""
    for text in PROJECT["dependencies"] + [
        t for e in extras for t in PROJECT["optional-dependencies"][e]
    ]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            yield from expand(sorted(requirement.extras))
        else:
            yield requirement


def pins() -> dict[str, Requirement]:
    """The lines of constraints.txt that hold for this Python, by canonical name."""
    lines = [
        re.sub(r"#.*", "", li).strip() for li in (ROOT / "constraints.txt").read_text().splitlines()
    ]
    requirements = [Requirement(line) for line in lines if line]
    chosen = [r for r in requirements if r.marker is None or r.marker.evaluate()]
    assert len({canonicalize_name(r.name) for r in chosen}) == len(chosen), "pinned twice"
    return {canonicalize_name(r.name): r for r in chosen}


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_constraints_satisfy_the_ranges(extra: str) -> None:
    pinned = pins()
    for requirement in expand([extra]):
        pin = pinned[canonicalize_name(requirement.name)]
        (specifier,) = pin.specifier
        assert specifier.operator == "==", f"{pin} is no pin"
        assert requirement.specifier.contains(specifier.version, prereleases=True), (
            f"constraints.txt has {pin}, pyproject.toml wants {requirement}"
        )


def test_constraints_name_no_local_version() -> None:
    """`torch==2.13.0+cpu` would not be found where pip takes torch from another place."""
    assert not [str(pin) for pin in pins().values() if "+" in str(pin.specifier)]


def test_every_range_has_a_lower_bound() -> None:
    for extra in PROJECT["optional-dependencies"]:
        for requirement in expand([extra]):
            assert any(s.operator == ">=" for s in requirement.specifier), requirement


def imported(file: Path) -> set[str]:
    """Top-level names of what a file imports anywhere in it, packages of the project left out."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names - sys.stdlib_module_names - set(PACKAGES)


def test_imports_are_declared() -> None:
    """A module uses what an installation with its extra brings, not what happens to be there."""
    undeclared = []
    for folder in PACKAGES.values():
        for file in sorted(folder.rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            extras = [e for place, es in EXTRAS.items() if path.startswith(place) for e in es]
            allowed = {canonicalize_name(r.name) for r in expand(extras)}
            if path.startswith("eqnorm/testing/"):
                allowed.add("pytest")  # in what pytest itself calls only
            undeclared += [
                f"{path} imports {name}"
                for name in sorted(imported(file))
                if canonicalize_name(DISTRIBUTIONS.get(name, name)) not in allowed
            ]
    assert not undeclared


def test_importing_the_library_imports_nothing_optional() -> None:
    """What import-linter cannot see: an import inside a function that runs at import time."""
    code = (
        "import sys, torch, e3nn.o3, e3nn.nn\n"
        "before = set(sys.modules)\n"
        "import eqnorm, eqnorm_adapters\n"
        "eqnorm.list_norms(), eqnorm.list_models()\n"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not OPTIONAL & set(done.stdout.split())


def without(packages: set[str], code: str) -> subprocess.CompletedProcess[str]:
    """Run code where some packages cannot be imported, as if they were not installed."""
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in sorted(packages))
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{blocked}{code}"], capture_output=True, text=True
    )


def test_the_pytest_plugin_loads_without_its_extra() -> None:
    """pytest loads it in every project of an environment; it must not break those of others."""
    done = without({"hypothesis"}, "import eqnorm.testing.plugin")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("extra", "package", "code"),
    [
        ("testing", "hypothesis", "from eqnorm.testing import assert_equivariant"),
        ("nbody", "numba", "from eqnorm.nbody import simulate"),
        ("cli", "typer", "import sys; from eqnorm.cli import main; sys.exit(main())"),
        (
            "neighbors",
            "vesin",
            "import eqnorm, torch; eqnorm.Graph.radius(torch.zeros(2, 3), 1.0)",
        ),
    ],
)
def test_a_missing_extra_is_named(extra: str, package: str, code: str) -> None:
    done = without({package}, code)
    assert done.returncode != 0
    assert f"eqnorm-zoo[{extra}]" in done.stderr

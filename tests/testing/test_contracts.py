"""Contracts of registered norms as tests, for this package and for others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import registry
from eqnorm.testing import EquivarianceError, contracts, parametrize_contracts, randomize_parameters

OUTSIDE = '''
import eqnorm, torch
from eqnorm.testing import contract_tests, parametrize_contracts

@eqnorm.register_norm("outside-half", on="points", equivariant_to="{group}", scope="node")
class Half(torch.nn.Module):
    """Halves every coordinate."""

    def forward(self, x, graph=None, x0=None, v=None, h=None):
        return x / 2

test_one_line = contract_tests("outside-half")

def test_fixture(equivariant):
    assert equivariant(lambda x: x, inputs={{"x": "points"}}, output="points").examples == 7
'''


@pytest.fixture
def forgets() -> None:
    """Take a registration back."""
    before = dict(registry._norms.specs)
    yield
    registry._norms.specs.clear()
    registry._norms.specs.update(before)


@parametrize_contracts("*layernorm*", models=False, dtypes=[torch.float32])
def test_of_some_norms(contract: eqnorm.testing.Contract) -> None:
    contract.check(max_examples=24)


@pytest.mark.slow
@parametrize_contracts()
def test_of_everything(contract: eqnorm.testing.Contract) -> None:
    contract.check(max_examples=60)


def test_ids_are_readable_and_unique() -> None:
    names = [str(contract) for contract in contracts()]
    assert len(set(names)) == len(names)
    assert "layernorm-points-not_rotation-float32-cpu" in names
    assert "geonorm-points-rotation-float64-cpu" in names
    assert any(name.startswith("egnn-") for name in names)


@pytest.mark.usefixtures("forgets")
class TestBothDirections:
    @staticmethod
    def register(group: str, **more: object) -> None:
        @eqnorm.register_norm("half", on="points", equivariant_to=group, scope="node", **more)
        class Half(nn.Module):
            def forward(self, x: Tensor, graph=None, x0=None, v=None, h=None) -> Tensor:
                return x / 2

    def test_true_declarations(self) -> None:
        self.register("O3")
        for contract in contracts("half", models=False, dtypes=[torch.float32]):
            contract.check(max_examples=12)

    def test_a_symmetry_that_does_not_hold(self) -> None:
        self.register("E3")
        found = {c.promise: c for c in contracts("half", dtypes=[torch.float32])}
        with pytest.raises(EquivarianceError, match="translation"):
            found["translation"].check(max_examples=12)
        found["rotation"].check(max_examples=12)

    def test_a_symmetry_that_holds_but_is_declared_absent(self) -> None:
        self.register("rotation", permutation=False)
        found = {c.promise: c for c in contracts("half", dtypes=[torch.float32])}
        for promise in ("reflection", "permutation"):
            with pytest.raises(AssertionError, match="no violation was found"):
                found[promise].check(max_examples=12)


def test_no_name_matches() -> None:
    with pytest.raises(ValueError, match="no registered name matches 'nothing'"):
        parametrize_contracts("nothing")


def test_randomised_parameters_hide_nothing() -> None:
    layer = nn.Linear(4, 4)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    state = torch.get_rng_state()
    first = randomize_parameters(layer, seed=3).weight.clone()
    assert torch.equal(state, torch.get_rng_state())
    assert (layer.weight != 0).all()
    assert (layer.bias != 0).all()
    assert torch.equal(first, randomize_parameters(layer, seed=3).weight)
    assert not torch.equal(first, randomize_parameters(layer, seed=4).weight)


@pytest.mark.parametrize(("group", "passes"), [("O3", True), ("E3", False)])
def test_an_outside_package(tmp_path: Path, group: str, passes: bool) -> None:
    (tmp_path / "test_outside.py").write_text(OUTSIDE.format(group=group))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--eqnorm-examples=7",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is passes, done.stdout
    assert "2 failed" in done.stdout or passes
    assert "outside-half-points-translation-float32-cpu" in done.stdout or passes

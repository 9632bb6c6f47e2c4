"""`eqnorm check` of a module of one's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eqnorm.cli.app import app
from tests.cli.check_case import FEW, runner

OWN = '''
import torch
from torch import nn

class Centre(nn.Module):
    """Equivariant: every point moves towards the centre of its system."""
    def forward(self, pos, batch):
        size = batch.bincount()[:, None]
        mean = pos.new_zeros(len(size), 3).index_add(0, batch, pos) / size
        return pos + 0.5 * (mean[batch] - pos)

def good():
    return Centre()

def bad(pos, batch):
    return pos.abs() + 0 * batch[:, None]

number = 3
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_module.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    return "own_module"


class TestOwnModule:
    INPUTS = ("--inputs", "pos=points,batch=batch", "--output", "points")

    def test_builder_of_a_sound_module(self, own: str) -> None:
        done = runner.invoke(app, ["check", f"{own}:good", *self.INPUTS, "--group", "E3", *FEW])
        assert done.exit_code == 0, done.output

    def test_class(self, own: str) -> None:
        assert runner.invoke(app, ["check", f"{own}:Centre", *self.INPUTS, *FEW]).exit_code == 0

    def test_function_that_breaks_rotations(self, own: str) -> None:
        done = runner.invoke(app, ["check", f"{own}:bad", *self.INPUTS, "--json", *FEW])
        assert done.exit_code == 1
        found = {s["name"]: s for s in json.loads(done.stdout)["symmetries"]}
        assert not found["rotation"]["holds"]
        assert "reflection" not in found  # SE3 is the default

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("godo", "unknown name in own_module 'godo'; did you mean 'good'"),
            ("number", "gives a int; a function or module is needed"),
        ],
    )
    def test_bad_names(self, own: str, name: str, text: str) -> None:
        done = runner.invoke(app, ["check", f"{own}:{name}", *self.INPUTS])
        assert done.exit_code == 2
        assert text in done.stderr

    def test_wrong_argument_names(self, own: str) -> None:
        types = ["--inputs", "position=points,batch=batch", "--output", "points"]
        done = runner.invoke(app, ["check", f"{own}:good", *types])
        assert done.exit_code == 2
        assert "'position'" in done.stderr

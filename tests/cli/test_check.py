"""`eqnorm check`: exit status, what it prints, and what it says of bad usage."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import eqnorm
from eqnorm import registry
from eqnorm.cli import subjects
from eqnorm.cli.app import app

runner = CliRunner()
FEW = ["--examples", "4"]
SMALL = ["-o", "hidden=8", "-o", "layers=2", *FEW]

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


class TestNorm:
    @pytest.mark.parametrize("name", ["geonorm", "scalenorm", "layernorm"])
    def test_contract_in_both_directions(self, name: str) -> None:
        done = runner.invoke(app, ["check", name, "--on", "points", *FEW])
        assert done.exit_code == 0, done.output
        assert "as declared" in done.stdout
        assert ("violation found, as declared" in done.stdout) == (name != "geonorm")

    def test_a_violation_of_the_group_asked_for(self) -> None:
        done = runner.invoke(app, ["check", "layernorm", "--on", "points", "--group", "SE3", *FEW])
        assert done.exit_code == 1
        assert "VIOLATED" in done.stdout
        assert "to see the violation of rotation again" in done.stdout

    def test_json(self) -> None:
        done = runner.invoke(app, ["check", "scalenorm", "--on", "points", "--json", *FEW])
        record = json.loads(done.stdout)
        assert record["ok"]
        assert record["examples"] == 4
        declared = {s["name"]: s["declared"] for s in record["symmetries"]}
        assert declared == {
            "rotation": True,
            "reflection": True,
            "translation": False,
            "permutation": True,
        }
        assert all(s["holds"] == s["declared"] for s in record["symmetries"])

    def test_options_change_the_contract(self) -> None:
        arguments = ["check", "geonorm", "--on", "points", "-o", "faithful=True", *FEW]
        assert runner.invoke(app, arguments).exit_code == 0


class TestModel:
    def test_every_slot_reaches_the_model(self) -> None:
        slots = ["--update-norm", "softcap", "--feature-norm", "layernorm"]
        done = runner.invoke(app, ["check", "egnn_vel", "--norm", "geonorm", *slots, *SMALL])
        assert done.exit_code == 0, done.output
        for shown in ("norm=geonorm", "update_norm=softcap", "feature_norm=layernorm"):
            assert shown in done.stdout

    def test_a_norm_that_breaks_translations(self) -> None:
        arguments = ["check", "egnn", "--norm", "scalenorm", *SMALL]
        assert runner.invoke(app, arguments).exit_code == 0
        done = runner.invoke(app, [*arguments, "--group", "translation", "--json"])
        assert done.exit_code == 1
        broken = [s["name"] for s in json.loads(done.stdout)["symmetries"] if not s["holds"]]
        assert broken == ["translation"]

    def test_float64(self) -> None:
        done = runner.invoke(app, ["check", "egnn", "--dtype", "float64", *SMALL])
        assert done.exit_code == 0
        assert "float64 on cpu" in done.stdout


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


class TestAll:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(eqnorm, "list_models", lambda: ["egnn"])
        monkeypatch.setattr(eqnorm, "list_norms", lambda **_: ["identity", "layernorm"])

    def test_matrix(self) -> None:
        done = runner.invoke(app, ["check", "--all", *FEW])
        assert done.exit_code == 0, done.output
        assert "2 of 2 pairs are what they declare" in done.stdout
        assert "R✓ M✓ T✓ P✓" in done.stdout
        assert "R✗ M✗ T✗ P✓" in done.stdout

    @pytest.mark.parametrize("promise", ["E3", None])
    def test_a_false_declaration_is_found(
        self, monkeypatch: pytest.MonkeyPatch, promise: str | None
    ) -> None:
        """Promises that are not kept, and symmetries that are there but denied."""
        monkeypatch.setattr(registry._norms, "specs", dict(registry._norms.specs))

        class Lying(torch.nn.Module):
            def forward(self, x, graph=None, x0=None, v=None, h=None):  # type: ignore[no-untyped-def]
                return x.abs() if promise else x

        eqnorm.register_norm("lying", on="points", equivariant_to=promise, scope="node")(Lying)
        monkeypatch.setattr(eqnorm, "list_norms", lambda **_: ["lying"])
        done = runner.invoke(app, ["check", "--all", *FEW])
        assert done.exit_code == 1
        assert "1 of 2 pairs" in done.stdout
        assert ("VIOLATED" if promise else "NO VIOLATION FOUND") in done.stdout

    def test_json(self) -> None:
        record = json.loads(runner.invoke(app, ["check", "--all", "--json", *FEW]).stdout)
        assert record["ok"]
        assert [p["subject"].split()[0] for p in record["pairs"]] == ["egnn", "egnn"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "name what to check"),
        (["no_such"], "unknown model 'no_such'; choose from"),
        (["egn"], "did you mean 'egnn'"),
        (["geonorm"], "'geonorm' is a norm: add --on points"),
        (["egnn", "--norm", "geonrom"], "did you mean 'geonorm'"),
        (["egnn", "--edge-norm", "softcap"], "edge_norm='softcap' needs x0"),
        (["egnn", "-o", "hiden=8"], "has no option 'hiden'; it takes"),
        (["egnn", "-o", "hidden"], "cannot read the option 'hidden'; write name=value"),
        (["egnn", "--dtype", "int8"], "--dtype must be one of float32, float64, bfloat16"),
        (["egnn", "--device", "tpu"], "--device must be cpu or cuda"),
        (["egnn", "--group", "SE4"], "unknown symmetry 'SE4'"),
        (["egnn", "--inputs", "x=points"], "--inputs and --output are for your own module"),
        (["egnn", "--all"], "--all checks every pair"),
        (["layernorm", "--on", "points", "--norm", "geonorm"], "only a registered backbone has"),
        (["math:sin"], "needs --inputs and --output"),
        (["no_such_module:f", "--inputs", "x=points", "--output", "points"], "cannot import"),
        (["math:sin", "--inputs", "x", "--output", "points"], "write name=type pairs"),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    done = runner.invoke(app, ["check", *arguments])
    assert done.exit_code == 2, done.output
    assert text in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none() -> None:
    done = runner.invoke(app, ["check", "egnn", "--device", "cuda"])
    assert done.exit_code == 2
    assert "no CUDA device here; use --device cpu" in done.stderr


def test_types_are_read() -> None:
    types = subjects.parse_types("pos=points, e=edge:2x0e,mask=none")
    assert types == {"pos": "points", "e": "edge:2x0e", "mask": None}
    assert subjects.parse_output("points") == "points"
    assert subjects.parse_output("points, none") == ("points", None)
    assert subjects.parse_output("x=points,h=4x0e") == {"x": "points", "h": "4x0e"}


def test_options_are_read() -> None:
    pairs = ["layers=2", "eps=1e-3", "coord_aggregation=sum", "center=true", "cutoff=None"]
    assert subjects.parse_options(pairs) == {
        "layers": 2,
        "eps": 1e-3,
        "coord_aggregation": "sum",
        "center": True,
        "cutoff": None,
    }

"""`eqnorm check` of registered norms and models, and of all pairs: status, and what it prints."""

from __future__ import annotations

import json

import pytest
import torch

import eqnorm
from eqnorm import registry
from eqnorm.cli.app import app
from tests.cli.check_case import FEW, SMALL, runner


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

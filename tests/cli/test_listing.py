"""`eqnorm norms` and `eqnorm models`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import eqnorm
from eqnorm.cli.app import app

runner = CliRunner()


def test_norms_names_every_norm_and_its_source() -> None:
    done = runner.invoke(app, ["norms"])
    assert done.exit_code == 0
    for name in eqnorm.list_norms():
        assert name in done.stdout
    assert "Lemma 1" in done.stdout


def test_norms_as_json_is_the_registry() -> None:
    done = runner.invoke(app, ["norms", "--json"])
    records = json.loads(done.stdout)
    assert [(r["name"], r["on"]) for r in records] == [
        (spec.name, spec.on) for spec in eqnorm.norm_specs()
    ]
    geonorm = next(r for r in records if r["name"] == "geonorm" and r["on"] == "points")
    assert geonorm["equivariant_to"] == ["rotation", "reflection", "translation"]
    assert geonorm["needs"] == ["x0"]
    assert "faithful" in geonorm["options"]


def test_norms_filters() -> None:
    done = runner.invoke(app, ["norms", "--on", "points", "--equivariant-to", "SE3", "--json"])
    names = {record["name"] for record in json.loads(done.stdout)}
    assert {"geonorm", "identity"} <= names
    assert not names & {"layernorm", "scalenorm", "softcap"}


def test_norms_by_pattern_and_none_that_fits() -> None:
    assert "scalenorm" in runner.invoke(app, ["norms", "scale*", "--on", "points"]).stdout
    done = runner.invoke(app, ["norms", "no-such-*"])
    assert (done.exit_code, done.stdout.split()[:3]) == (0, ["no", "norm", "fits;"])


def test_marks_of_a_contract() -> None:
    done = runner.invoke(app, ["norms", "scalenorm", "--on", "points"])
    line = next(li for li in done.stdout.splitlines() if li.strip().startswith("scalenorm"))
    assert line.split()[:6] == ["scalenorm", "points", "✓", "✓", "✗", "✓"]


def test_models() -> None:
    done = runner.invoke(app, ["models"])
    assert done.exit_code == 0
    for name in eqnorm.list_models():
        assert name in done.stdout
    records = json.loads(runner.invoke(app, ["models", "--json"]).stdout)
    assert [r["name"] for r in records] == eqnorm.list_models()
    assert all(r["group"] and "options" in r for r in records)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["norms", "--equivariant-to", "SE4"], "unknown symmetry 'SE4'; choose from"),
        (["norms", "--on", "8z"], "on='8z' is neither 'points' nor irreps"),
        (["models", "--equivariant-to", "SE4"], "unknown symmetry 'SE4'"),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    done = runner.invoke(app, arguments)
    assert done.exit_code == 2
    assert text in done.stderr
    assert "Traceback" not in done.output

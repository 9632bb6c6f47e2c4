"""`eqnorm bench`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch
from typer.testing import CliRunner

import eqnorm
from eqnorm import bench
from eqnorm.bench import Case, Ratio, Record
from eqnorm.cli.app import app

runner = CliRunner()
QUICK = ["bench", "--quick", "--seconds", "0.001"]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_list_names_every_part_and_runs_nothing() -> None:
    done = runner.invoke(app, ["bench", "--quick", "--list", "--json"])
    named = json.loads(done.stdout)
    assert {case["part"] for case in named} >= {"norms", "models", "roofline"}
    assert len(named) > 2 * len(eqnorm.list_norms())
    plain = runner.invoke(app, ["bench", "--quick", "--list", "--select", "models"])
    assert plain.stdout.splitlines()[0].startswith("models: clofnet, N=5")


def test_a_part_named_twice_is_run_once() -> None:
    once = ["bench", "--quick", "--list", "-s", "roofline"]
    assert runner.invoke(app, [*once, "-s", "roofline"]).stdout == runner.invoke(app, once).stdout


def test_a_table() -> None:
    done = runner.invoke(app, [*QUICK, "-s", "norms", "-k", "unit on 1o"])
    assert done.exit_code == 0, done.output
    assert f"torch {torch.__version__}" in done.stdout
    assert "torch on 1 thread" in done.stdout
    assert "medians of processor time" in done.stdout
    assert "times faster than" in done.stdout
    (line,) = (li for li in done.stdout.splitlines() if "unit on 1o" in li)
    assert line.split()[:5] == ["unit", "on", "1o,", "1,000", "edges"]


def test_json_holds_header_peers_and_records() -> None:
    done = runner.invoke(app, [*QUICK, "-s", "norms", "-k", "norm=scalenorm", "--json"])
    found = json.loads(done.stdout)
    assert found["machine"]["versions"]["torch"] == torch.__version__
    assert found["failed"] == {}
    assert set(found["missing"]) == set(bench.missing_peers())
    paths = [record["path"] for record in found["records"]]
    assert paths
    assert set(paths) <= {"torch", "default"}
    figure = found["records"][0]["figures"]["added to the step"]
    assert figure["low"] <= figure["value"] <= figure["high"]


def test_a_case_that_fails_is_named_and_the_others_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> list[Record]:
        raise RuntimeError("out of [memory]")

    def fine() -> list[Record]:
        seconds = Ratio(2e-3, 1e-3, 3e-3)
        return [Record("models", "good", "torch", seconds, {"peer": Ratio(2.0, 1.5, 2.5)}, 7)]

    both = [Case("models", "bad", broken), Case("models", "good", fine)]
    monkeypatch.setattr(bench, "cases", lambda *_: both)
    monkeypatch.setattr(bench, "missing_peers", lambda: {"some-peer": "models"})
    done = runner.invoke(app, ["bench"])
    assert done.exit_code == 1
    assert "failed: bad: RuntimeError: out of [memory]" in done.stderr
    assert "2.00 (1.50-2.50)" in done.stdout
    assert "left out: some-peer is not installed (models)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--select", "speed"],
            "parts must be among norms, models, simulator, roofline, got speed",
        ),
        (["--device", "tpu"], "device must be cpu, cuda or cuda:INDEX, got 'tpu'"),
        (["-k", "no such"], "has 'no such' in its name"),
        (["--seconds", "-1"], "seconds must be positive, got -1"),
        (["--seconds", "0"], "seconds must be positive, got 0"),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    done = runner.invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.output

"""`eqnorm bench`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import eqnorm
from eqnorm import bench
from eqnorm.bench import Case, Ratio, Record
from eqnorm.cli import bench_run
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
    line, *_ = (li for li in done.stdout.splitlines() if "unit on 1o" in li)
    assert line.split()[:6] == ["unit", "on", "1o,", "1,000", "edges", "torch"]


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


def three_cases(second: Callable[[], list[Record]]) -> list[Case]:
    def fine() -> list[Record]:
        return [Record("models", "good", "torch", Ratio(2e-3, 1e-3, 3e-3), {}, 7)]

    return [Case("models", "one", fine), Case("models", "two", second), Case("models", "3", fine)]


def test_what_was_measured_before_an_interruption_is_shown_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, seen = tmp_path / "found.json", []

    def interrupted() -> list[Record]:
        seen.append(json.loads(path.read_text()))
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "cases", lambda *_: three_cases(interrupted))
    done = runner.invoke(app, ["bench", "--output", str(path)])
    assert done.exit_code == 130
    assert "good" in done.stdout
    assert "interrupted: 2 of 3 cases were not run" in done.stderr
    (before,) = seen
    assert json.loads(path.read_text()) == before
    assert [record["what"] for record in before["records"]] == ["good"]
    assert before["left"] == ["two", "3"]
    assert [file.name for file in tmp_path.iterdir()] == ["found.json"]


def test_a_log_has_a_line_for_each_case_and_the_file_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken() -> list[Record]:
        raise RuntimeError("no")

    monkeypatch.setattr(bench, "cases", lambda *_: three_cases(broken))
    done = runner.invoke(app, ["bench", "--json", "-o", str(tmp_path / "found.json")])
    assert done.exit_code == 1
    lines = [line.rpartition(":")[0] for line in done.stderr.splitlines()]
    assert lines == ["1/3 one", "2/3 two", "3/3 3"]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found == json.loads(done.stdout)
    assert found["failed"] == {"two": "RuntimeError: no"}
    assert found["left"] == []


def test_on_a_terminal_a_bar_names_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_terminal=True, file=io.StringIO(), width=100)
    found = bench_run.Found({}, {})
    bench_run.run(three_cases(list), found, console, None)
    assert "3/3" in console.file.getvalue()
    assert len(found.records) == 2


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
        (["-o", "no/such/file.json"], "--output: no directory 'no/such'; make it first"),
        (["-o", "."], "--output: '.' is a directory; name a file in it"),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    done = runner.invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.output

"""The demo loses nothing when parts of it fail, time ends or it is called wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.demo import experiment, plan, report, symmetry, work
from examples.demo.__main__ import main, parser
from examples.demo.findings import findings
from examples.demo.results import write_atomically
from tests.examples.demo_case import TINY


def test_a_failure_costs_its_own_part_only(tmp_path: Path) -> None:
    setting = work.Setting(TINY, 0, tmp_path, 1e12)
    run = plan.runs(TINY)[0]
    run.options["hidden"] = -1
    done = work.perform(work.Job(run.key, run), setting, lambda *_: None)
    assert (done.status, "hidden" in done.reason) == ("failed", True)  # type: ignore[union-attr]


def test_a_failure_is_told_by_the_exit_status_and_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = plan.runs(TINY)[0]
    broken.options["hidden"] = -1
    monkeypatch.setattr(plan, "MINIATURE", TINY)
    monkeypatch.setattr(plan, "runs", lambda scale: [broken])
    monkeypatch.setattr(symmetry, "pairs", list)
    assert main(["--miniature", "--workers", "0", "--out", str(tmp_path)]) == 1
    page = (tmp_path / "report.html").read_text()
    assert f"{broken.key}: failed, ValueError: hidden must be an integer" in page


def test_time_limit_skips_and_says_so(tmp_path: Path) -> None:
    options = parser().parse_args(["--miniature", "--workers", "0"])
    results = experiment.blank(options, "command", "now")
    setting = work.Setting(TINY, 0, tmp_path, 0.0)
    for run in results.runs:
        work.perform(work.Job(run.key, run), setting, lambda *_: None)
    assert {run.status for run in results.runs} == {"skipped"}
    page = report.render(results)
    assert "time limit" in page
    assert "could not be made" not in page
    assert all(f.agrees is None for f in findings(results))


@pytest.mark.parametrize("options", [["--minutes", "0"], ["--workers", "-1"], ["--seed", "-1"]])
def test_bad_usage(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(options)
    assert raised.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_render_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"seed": 0}))
    with pytest.raises(SystemExit):
        main(["--render", "--out", str(tmp_path)])
    assert "does not hold results of the demo" in capsys.readouterr().err


def test_writes_are_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError("no space left")

    file = tmp_path / "new" / "file"
    write_atomically(file, "first")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(file, "second")
    assert file.read_text() == "first"
    assert [p.name for p in file.parent.iterdir()] == ["file"]

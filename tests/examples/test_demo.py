"""A miniature of the demo: it runs, says what it found, and loses nothing when parts fail."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from examples.demo import evaluate, experiment, figures, plan, report, style, symmetry, work
from examples.demo.__main__ import main, parser
from examples.demo.findings import findings
from examples.demo.results import Moved, Results, write_atomically

TINY = plan.Scale(
    train=20, particles=10, hidden=4, steps=2, sizes=(5,), layers=1, examples=2, growth_sizes=(5,)
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the whole demo, tiny, with the pictures of the README."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MINIATURE", TINY)
        patch.setattr(symmetry, "pairs", lambda: [p for p in _all_pairs() if p.model == "egnn_vel"])
        images = ["--images", str(folder / "images")]
        status = main(["--miniature", "--workers", "0", "--out", str(folder), *images])
    assert status == 0
    return folder


_all_pairs = symmetry.pairs


@pytest.fixture(scope="module")
def results(out: Path) -> Results:
    return Results.load(out / "results.json")


class Page(HTMLParser):
    """Notes what a page would fetch, its ids, and tags that are not closed."""

    VOID = ("meta", "br", "img", "path", "use")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_everything_ran(results: Results) -> None:
    assert not results.problems
    assert {run.status for run in results.runs} <= {"finished", "diverged"}
    assert {pair.status for pair in results.pairs} == {"finished"}
    assert results.growth
    assert results.baselines[0].no_motion > results.baselines[0].linear > 0


def test_symmetries_are_as_the_paper_says(results: Results) -> None:
    held = {p.choice: {s.name: s.holds for s in p.symmetries} for p in results.pairs}
    assert not held["layernorm"]["rotation"]
    assert not held["layernorm"]["translation"]
    assert held["scalenorm"]["rotation"]
    assert not held["scalenorm"]["translation"]
    assert all(held["geonorm"].values())
    assert all(s.agrees for pair in results.pairs for s in pair.symmetries)
    for pair in results.pairs:
        for each in pair.symmetries:
            assert (each.error < 1e-3) == each.holds


def test_defects_are_seen_after_training(results: Results) -> None:
    runs = {r.choice: r for r in results.runs if r.group == "egnn_vel-n5-last"}
    assert runs["layernorm"].rotated.defect > 0.1
    assert runs["scalenorm"].rotated.defect < 1e-9 < 0.1 < runs["scalenorm"].translated.defect
    assert runs["geonorm"].translated.defect < 1e-9


def test_report_is_one_file(out: Path, results: Results) -> None:
    page = (out / "report.html").read_text()
    read = Page(page)
    assert not read.open
    assert all(link.startswith("#") for link in read.links)
    assert not re.search(r"@import|url\((?!['\"]?#)", page)
    assert "could not be made" not in page
    assert "not measured" not in page
    for needed in ("prefers-color-scheme:dark", "no motion", "Lemma 1", results.command, "<svg"):
        assert needed in page


def test_pictures(out: Path) -> None:
    for name in ("demo-curves.png", "symmetry-matrix.png"):
        content = (out / "images" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 150_000


def test_render_again_needs_no_training(out: Path, results: Results) -> None:
    before = (out / "report.html").read_text()
    (out / "report.html").unlink()
    assert main(["--render", "--out", str(out)]) == 0
    assert (out / "report.html").read_text() == before


def test_numbers_depend_on_the_seed_only(results: Results, tmp_path: Path) -> None:
    def first(seed: int) -> list[float | None]:
        run = next(r for r in plan.runs(TINY) if r.choice == "geonorm")
        setting = work.Setting(TINY, seed, tmp_path, 1e12)
        done = work.perform(work.Job(run.key, run), setting, lambda *_: None)
        return done.train_mse + done.test_mse  # type: ignore[union-attr]

    run = next(r for r in results.runs if r.choice == "geonorm")
    assert first(0) == run.train_mse + run.test_mse
    assert first(1) != first(0)


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


def test_divergence_is_marked_with_its_layer(results: Results) -> None:
    blown = copy.deepcopy(results)
    run = next(r for r in blown.runs if r.key == "deep-none-sum")
    run.status, run.diverged_step, run.diverged_where = "diverged", 2, "gradient of layer 7"
    page = report.render(blown)
    assert "not a number at step 2" in page
    assert "gradient of layer 7" in page
    drawn = figures.svg(figures.deep(blown))
    assert "NaN at step 2" in drawn


def test_the_layer_that_blows_up_is_found() -> None:
    import torch
    from torch import nn

    from examples.demo.trace import Trace

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net()
    with torch.no_grad():
        net.layers[2].weight.fill_(float("inf"))
        with Trace(net) as trace:
            net(torch.ones(1, 2))
    assert trace.first_bad_output() == 3


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


def test_random_rotations_are_rotations() -> None:
    import torch

    turned = evaluate.random_rotations(100, torch.Generator().manual_seed(0))
    eye = torch.eye(3, dtype=torch.float64).expand(100, 3, 3)
    torch.testing.assert_close(turned @ turned.mT, eye)
    torch.testing.assert_close(torch.linalg.det(turned), eye[:, 0, 0])
    assert turned.mean(0).abs().max() < 0.3


def test_numbers_are_written_for_readers() -> None:
    values = [0.08304, 12.04, 3.04e-13, 0.0, None, float("nan"), 123456.0, -0.337]
    shown = ["0.083", "12.0", "3·10⁻¹³", "0", "—", "—", "10⁵", "-0.337"]
    assert [style.number(value) for value in values] == shown


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


def test_records_survive_json(tmp_path: Path, results: Results) -> None:
    results.save(tmp_path / "r.json")
    again = Results.load(tmp_path / "r.json")
    assert again == results
    assert isinstance(again.runs[0].rotated, Moved)

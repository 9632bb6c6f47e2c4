"""A miniature of the demo: it runs, and says what it found."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from examples.demo import figures, plan, report, symmetry, work
from examples.demo.__main__ import main
from examples.demo.results import Moved, Results
from tests.examples.demo_case import TINY


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


def test_divergence_is_marked_with_its_layer(results: Results) -> None:
    blown = copy.deepcopy(results)
    run = next(r for r in blown.runs if r.key == "deep-none-sum")
    run.status, run.diverged_step, run.diverged_where = "diverged", 2, "gradient of layer 7"
    page = report.render(blown)
    assert "not a number at step 2" in page
    assert "gradient of layer 7" in page
    drawn = figures.svg(figures.deep(blown))
    assert "NaN at step 2" in drawn


def test_records_survive_json(tmp_path: Path, results: Results) -> None:
    results.save(tmp_path / "r.json")
    again = Results.load(tmp_path / "r.json")
    assert again == results
    assert isinstance(again.runs[0].rotated, Moved)

"""All experiments on systems of four and five particles; resuming; errors; the page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from examples.nbody import many
from examples.nbody.reproduce import (
    compute,
    grids,
    page,
    scales,
    training,
)
from examples.nbody.reproduce.__main__ import main
from examples.nbody.reproduce.compute import read

pytestmark = pytest.mark.timeout(900)  # 20 s of processor time, for whoever is first to need it
TINY = scales.Scale(
    name="smoke",
    hidden=4,
    train={4: 6, 5: 6},
    val=2,
    test=3,
    batch={4: 3, 5: 3},
    epochs={4: 1, 5: 1},
    sizes=(4, 5),
    depths=(2,),
    rates=(5e-3,),
    seeds=(30,),
    long_epochs={4: 2, 5: 2},
    long_depth=2,
    long_seeds=(30,),
    moved=2,
    rolled=2,
    rollout=2,
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything, tiny, published."""
    folder = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scales.SCALES, "smoke", TINY)
        arguments = ["all", "--workers", "0", "--out", str(folder)]
        assert main([*arguments, "--publish", str(folder / "docs" / "reproduce")]) == 0
    return folder / "smoke"


def test_every_experiment_leaves_its_files(work: Path):
    for name in compute.FILES:
        assert read(name, work / "results"), name
    names = {path.stem for path in (work / "results").glob("*.png")}
    assert names == set(page.CAPTIONS)
    for name in names:
        assert (work / "results" / f"{name}.svg").read_text().lstrip().startswith("<?xml")
    for experiment in grids.EXPERIMENTS:
        text = (work / "results" / f"{experiment}.md").read_text()
        assert text.startswith("| claim | where | measured |")


def test_every_job_is_a_row_and_every_size_has_its_baselines(work: Path):
    results = work / "results"
    assert [b.size for b in read("baselines", results)] == [4, 5]
    for name, wanted in {
        "fig2": grids.jobs("fig2", TINY),
        "table1": grids.jobs("table1", TINY),
        "beyond_grid": grids.grid(TINY),
        "beyond_runs": grids.long(TINY),
    }.items():
        found = [(r.choice, r.size, r.layers, r.seed) for r in read(name, results)]
        assert found == [(j.choice, j.size, j.layers, j.seed) for j in wanted], name
    for row in read("table1", results):
        norm = row.choice.partition("_")[0]
        if norm == "layernorm":
            assert row.r_defect > 1e-3
        if norm in ("scalenorm", "softcap", "mean"):
            assert row.r_defect < 1e-9
        if norm in ("softcap", "mean", "geonorm"):
            assert row.t_defect < 1e-6
    refused = [t for t in read("beyond_transfer", results) if t.note]
    assert [(t.choice, t.tested, t.mse) for t in refused] == [("geonorm_inner", 5, None)]


def test_the_page_is_made_of_the_published_files(work: Path):
    docs = work.parent / "docs"
    text = (docs / "reproduce.md").read_text()
    assert text == page.render(docs / "reproduce")
    linked = re.findall(r"\]\((reproduce/[^)]+)\)", text)
    assert linked
    assert all((docs / name).exists() for name in linked)


def test_what_was_cut_off_goes_on(work: Path, monkeypatch: pytest.MonkeyPatch):
    """A finished run stays, a killed one is taken up, and the result is that of one go."""
    monkeypatch.setitem(scales.SCALES, "smoke", TINY)
    jobs = grids.jobs("fig5", TINY)
    files = [work / "runs" / job.key / "results.json" for job in jobs]
    files[0].unlink()  # killed before its end: the checkpoint is there
    shutil.rmtree(files[1].parent)  # killed before its begin
    before = [path.stat().st_mtime_ns for path in files[2:]]
    csv = (work / "results" / "fig5.csv").read_text()
    assert main(["fig5", "--workers", "0", "--out", str(work.parent)]) == 0
    assert [path.stat().st_mtime_ns for path in files[2:]] == before
    again = (work / "results" / "fig5.csv").read_text()
    assert _without_seconds(again) == _without_seconds(csv)


def _without_seconds(csv: str) -> list[str]:
    return [line.rpartition(",")[0] for line in csv.splitlines()]


def test_out_of_time_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setitem(scales.SCALES, "smoke", TINY)
    arguments = ["fig2", "--workers", "0", "--out", str(tmp_path), "--minutes", "1e-9"]
    assert main(arguments) == 1
    shown = capsys.readouterr().out
    assert f"{len(grids.jobs('fig2', TINY))} networks not trained within --minutes" in shown


def test_a_training_that_fails_is_named(tmp_path: Path):
    job = grids.jobs("fig2", TINY)[0]
    (tmp_path / "runs").write_text("in the way")
    assert many.perform(training.overrides(job, tmp_path)).partition(":")[0] in (
        "NotADirectoryError",
        "FileExistsError",
    )


def test_bad_options_end_in_one_line(capsys):
    for wrong in (["fig3"], ["fig2", "--scale", "huge"], ["fig2", "--minutes", "0"]):
        with pytest.raises(SystemExit):
            main(wrong)
        assert "error:" in capsys.readouterr().err

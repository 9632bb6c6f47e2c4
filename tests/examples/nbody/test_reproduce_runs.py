"""All experiments on systems of four and five particles; resuming; statements; the page."""

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
    rows,
    scales,
    show,
    statements,
    statements_beyond,
    statements_table,
    training,
)
from examples.nbody.reproduce.__main__ import main
from examples.nbody.reproduce.compute import read

pytestmark = pytest.mark.timeout(900)  # 20 s of processor time, for whoever is first to need it
ROOT = Path(__file__).parents[3]
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


# ------------------------------------------------------------------------------ statements


def run(choice: str, size: int, layers: int, **changes: object) -> rows.Run:
    made: dict[str, object] = {
        "hidden": 8, "seed": 30, "rate": 5e-3, "steps": 10, "batch": 1, "status": "finished",
        "diverged_step": None, "where": "", "worst": 1.0, "stable": True, "learnt": True,
        "last_mse": 0.1, "test_mse": 0.1, "parameters": 1, "seconds": 1.0,
    }  # fmt: skip
    return rows.Run(choice=choice, size=size, layers=layers, **{**made, **changes})  # type: ignore[arg-type]


BASE = [rows.Baseline(n, 10, 0.4, 0.15, 0.7, 8.0) for n in (20, 50)]


def test_figure_2_agrees_where_it_explodes_and_not_where_it_does_not():
    broken = {"stable": False, "status": "diverged", "last_mse": float("inf")}
    said = statements.figure_2([run("sum", 20, 10, **broken), run("sum", 50, 5)])
    verdicts = {s.claim: s.agrees for s in said}
    assert verdicts["N = 20, depth 10: unstable"] is True
    assert verdicts["N = 50, depth 5: unstable"] is False
    assert verdicts["N = 100, depth 3: unstable"] is None
    assert "0 of 1 stable, 1 became NaN, last test error NaN" in said[1].measured


def test_figure_5_counts_wins_and_what_learns():
    runs = [run("sum", 20, 5)]
    runs += [run(f"scalenorm_{end}", 20, 5, last_mse=0.3) for end in ("last", "inner")]
    runs += [
        run("geonorm_last", 20, 5, last_mse=2.0, learnt=False),
        run("geonorm_inner", 20, 5, last_mse=0.1),
    ]
    said = {s.claim: s for s in statements.figure_5(runs, BASE)}
    assert said["Vanilla EGNN easily explodes"].agrees is False
    ranking = said["In most cases GeoNorm reaches lower errors than ScaleNorm"]
    assert ranking.agrees is False
    assert "too: 0 of 1; not after the last: 1 of 1" in ranking.measured
    assert said["GeoNorm learns to predict (ends below no motion)"].agrees is False
    assert said["GeoNorm stabilises the training everywhere: no NaN"].agrees is True
    assert said["GeoNorm stabilises it by our criterion too"].agrees is True


def moved(choice: str, unmoved: float, increment: float = 0.0, defect: float = 1e-12) -> rows.Moved:
    values = (unmoved, unmoved, unmoved, increment, defect)
    return rows.Moved(choice, 50, 5, 30, unmoved, *values, *values)


def test_table_1_tells_increments_from_defects():
    found = [
        moved(f"{norm}_{end}", error, increment, defect)
        for norm, increment, defect in (
            ("layernorm", 0.04, 2.1), ("scalenorm", 0.0, 1e-14), ("geonorm", 0.0, 1e-12)
        )
        for end, error in (("last", 8.9), ("inner", 0.2))
    ]  # fmt: skip
    said = {s.claim: s for s in statements_table.table_1(found, BASE)}
    assert said["GeoNorm under rotations: increment 0"].agrees is True
    blind = said["LayerNorm under rotations: increment 37.4 to 72.3"]
    assert blind.agrees is False
    assert "increment 0.040, defect 2.10" in blind.measured
    error = said["GeoNorm's error at N = 50: 9.09 to 9.12"]
    assert error.agrees is True
    assert "22.2 times no motion" in error.measured
    last = said["N = 50: the last projection explains it (without it, below no motion)"]
    assert last.agrees is True
    assert "GeoNorm 8.90 / 0.200" in last.measured


def test_beyond_is_judged_in_both_directions():
    grid = [run("softcap", 20, 3), run("mean", 20, 3, test_mse=0.08)]
    long = [run("softcap", 20, 5, test_mse=0.02), run("mean", 20, 5, test_mse=None)]
    permuted = [
        rows.Permuted("softcap", 20, 30, 1e-13),
        rows.Permuted("geonorm_inner", 20, 30, 0.1),
    ]
    steps = [
        rows.Step("softcap", 20, 30, k, 0.1 * k, 0.4 * k, 0.2 * k, 0.1, 0.01, 0.0) for k in (0, 1)
    ]
    transfers = [
        rows.Transfer("softcap", 30, 20, 20, 0.02, ""),
        rows.Transfer("softcap", 30, 20, 50, 0.5, ""),
        rows.Transfer("geonorm_inner", 30, 20, 50, None, "this norm has parameters"),
    ]

    def verdicts() -> list[bool | None]:
        return [
            s.agrees
            for s in statements_beyond.beyond(grid, long, steps, transfers, permuted, BASE)
            if "softcap" in s.claim or "N =" in s.claim or "Parameters" in s.claim
        ]

    #       stable, error at 20, none at 50, rollout, transfer to 50, refusal, permutations
    softcap = [True, True, None]
    assert verdicts()[:2] == softcap[:2]
    assert verdicts()[-4:] == [True, False, True, True]
    grid[0].stable = False
    long[0].test_mse = 0.079  # not well below 0.08
    steps[1].error = 0.3
    permuted[0].defect = 1e-3
    assert verdicts()[:2] == [False, False]
    assert verdicts()[-4:] == [False, False, True, False]


# ------------------------------------------------------------------------------ committed results


def test_the_documentation_agrees_with_the_files_beside_it():
    folder = ROOT / "docs" / "reproduce"
    assert (ROOT / "docs" / "reproduce.md").read_text() == page.render(folder)
    for experiment in grids.EXPERIMENTS:
        assert show.said(experiment, folder), experiment
    for path in folder.iterdir():
        assert path.stat().st_size < 300_000, path

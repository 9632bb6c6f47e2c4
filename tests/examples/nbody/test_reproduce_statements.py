"""What the reproduction says of its numbers, and that the page agrees with the files beside it."""

from __future__ import annotations

from pathlib import Path

from examples.nbody.reproduce import (
    grids,
    page,
    rows,
    show,
    statements,
    statements_beyond,
    statements_table,
)

ROOT = Path(__file__).parents[3]


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


def test_the_documentation_agrees_with_the_files_beside_it():
    folder = ROOT / "docs" / "reproduce"
    assert (ROOT / "docs" / "reproduce.md").read_text() == page.render(folder)
    for experiment in grids.EXPERIMENTS:
        assert show.said(experiment, folder), experiment
    for path in folder.iterdir():
        assert path.stat().st_size < 300_000, path

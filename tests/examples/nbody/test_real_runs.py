"""The experiments on real data: jobs, refusal, sentences, and the published page."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.nbody import train
from examples.nbody.real import page, plan, rows
from examples.nbody.real.entries import entry
from examples.nbody.real.rows import Base, Row
from examples.nbody.real.statements import statements, table

DOCS = Path(__file__).parents[3] / "docs"


def test_every_job_is_a_configuration_of_the_application() -> None:
    every = [job for name in plan.EXPERIMENTS for s in plan.SCALES for job in plan.jobs(name, s)]
    # One of each entry and of each set of data.
    chosen = {job.entry: job for job in every} | {job.data: job for job in every}
    for job in chosen.values():
        cfg = train.configure(job.overrides(Path("/tmp/nowhere")))
        assert (cfg.model.layers, cfg.epochs) == (job.layers, job.epochs)
        for slot, value in entry(job.entry).options.items():
            assert cfg.model[slot] == value


def test_unknown_experiment_and_scale() -> None:
    with pytest.raises(ValueError, match="experiment must be one of argon, adk, got 'neon'"):
        plan.jobs("neon", "smoke")
    with pytest.raises(ValueError, match="scale must be one of smoke, small, got 'huge'"):
        plan.jobs("argon", "huge")


def test_geonorm_is_refused_in_the_box_and_not_outside() -> None:
    jobs = {job.data: job for job in plan.jobs("argon", "smoke") if "GeoNorm" in job.entry}
    inside, outside = (rows.data_module(jobs[name]) for name in ("argon", "argon-open"))
    for data in (inside, outside):
        data.setup()
    reason = rows.refusal(jobs["argon"], inside)
    assert reason is not None
    assert "no meaning in a periodic box" in reason
    assert "softcap" in reason
    assert rows.refusal(jobs["argon-open"], outside) is None


def row(**given: object) -> Row:
    common: dict[str, object] = {
        "data": "argon",
        "entry": "no norm",
        "family": "none",
        "layers": 4,
        "hidden": 8,
        "rate": 5e-3,
        "epochs": 1,
        "seed": 0,
        "status": "finished",
        "worst": 2.0,
        "stable": True,
        "test_mse": 0.5,
        "last_mse": 0.5,
        "rotation": 1e-13,
    }
    return Row(**{**common, **given})  # type: ignore[arg-type]


def test_sentences_follow_the_numbers() -> None:
    bases = [Base("argon", "no_motion", 1.0), Base("argon", "linear", 0.4)]
    found = [
        row(),
        row(entry="LN(h) + softcap + mean", family="recipe", test_mse=0.25),
        row(entry="bad", status="diverged", where="step 3: output of layers.1", stable=False),
        row(entry="GeoNorm", family="geonorm", status="refused", test_mse=None, stable=False),
    ]
    (text,) = statements(found, bases)
    assert "best is LN(h) + softcap + mean with 0.25 (0.25 times the error of no motion)" in text
    assert "best without a norm 0.5" in text
    assert "Refused, because a centre has no meaning in a periodic box: GeoNorm." in text
    assert "Not stable: 1 of 3 runs (bad (4 layers))." in text
    assert "1 of 3 beat x + t·v." in text
    assert "step 3: output of layers.1" in "\n".join(table(found))


def test_the_published_page_says_what_the_published_numbers_are() -> None:
    folder = DOCS / "real"
    found, bases = page.read(folder)
    assert found
    assert bases
    assert (DOCS / "real_data.md").read_text() == page.render(folder)

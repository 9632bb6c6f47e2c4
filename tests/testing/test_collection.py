"""Every wrong model is caught for the right reason, and no right one is condemned."""

from __future__ import annotations

import pytest

from eqnorm.testing import equivariance_report
from eqnorm.testing.broken import Specimen, sound, wrong


def _id(specimen: Specimen) -> str:
    return specimen.name


def test_the_collection_is_large_and_labelled() -> None:
    assert len(wrong()) >= 40
    assert len(sound()) >= 20
    reasons = {reason for specimen in wrong() for reason in specimen.breaks}
    assert reasons == {
        "rotation", "reflection", "translation", "permutation", "independence", "mutation",
        "determinism", "state", "non-finite", "non-finite gradient", "gradient", "precision",
        "vacuous", "raises",
    }  # fmt: skip


@pytest.mark.parametrize("specimen", wrong(), ids=_id)
def test_wrong_models_are_caught_for_the_right_reason(specimen: Specimen) -> None:
    report = equivariance_report(specimen.make(), stop_at=specimen.breaks, **specimen.declaration())
    assert set(report.names) & set(specimen.breaks), str(report)


@pytest.mark.parametrize("specimen", sound(), ids=_id)
def test_right_models_are_not_condemned(specimen: Specimen) -> None:
    report = equivariance_report(specimen.make(), max_examples=36, **specimen.declaration())
    assert report.ok, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("specimen", [*wrong(), *sound()], ids=_id)
def test_three_seeds(specimen: Specimen, seed: int) -> None:
    report = equivariance_report(specimen.make(), seed=seed, **specimen.declaration())
    if specimen.sound:
        assert report.ok, str(report)
    else:
        assert set(report.names) & set(specimen.breaks), str(report)


@pytest.mark.slow
def test_comparison_with_e3nn() -> None:
    from eqnorm.testing.compare import compare, table

    ours, plain, _ = columns = compare(seed=1)
    assert len(ours.reasons) == len(wrong())
    assert not ours.alarms
    assert len(plain.caught) < len(ours.caught)
    assert f"of {len(wrong())} | {len(wrong())} |" in table(columns)

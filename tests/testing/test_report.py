"""What a report says, and that its printed code shows the violation again."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
import torch
from torch import Tensor, nn

from eqnorm.testing import (
    Case,
    EquivarianceError,
    Motion,
    assert_equivariant,
    equivariance_report,
    find_violation,
)
from eqnorm.testing.broken import COLLECTION

INPUTS = {"pos": "points", "batch": "batch"}


def far_only(pos: Tensor, batch: Tensor) -> Tensor:
    return pos + 0.01 * pos.clamp(min=50) * (pos.norm(dim=-1, keepdim=True) > 50)


def good(pos: Tensor, batch: Tensor) -> Tensor:
    return pos


@pytest.mark.parametrize(
    "name", ["grid_far_out", "weights_by_index", "batch_statistics", "CachesFirstCenter",
             "nan_at_coincident_nodes", "crooked_backward", "writes_into_positions",
             "fails_for_one_node", "single_inside", "edges_across_graphs"],
)  # fmt: skip
def test_printed_code_shows_the_violation_again(name: str) -> None:
    specimen = COLLECTION[name]
    report = equivariance_report(specimen.make(), stop_at=specimen.breaks, **specimen.declaration())
    for finding in report.violations:
        printed = io.StringIO()
        scope = {"model": specimen.make()}
        with contextlib.redirect_stdout(printed):
            exec(finding.code, scope)
        assert scope["found"] is not None, finding.code
        assert scope["found"].name == finding.name


def test_printed_code_for_a_sample() -> None:
    sample = {"pos": torch.tensor([[60.0, 0, 0], [0, 70, 0]]), "batch": torch.tensor([0, 0])}
    found = find_violation(far_only, inputs=INPUTS, output="points", sample=sample)
    assert found is not None
    scope = {"model": far_only}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(found.code, scope)
    assert scope["found"] is not None


def test_counterexamples_are_small_and_simple() -> None:
    found = find_violation(far_only, inputs=INPUTS, output="points", names="translation")
    assert found is not None
    assert found.case is not None
    assert sum(found.case.sizes) == 1
    assert found.case.layout == "generic"
    assert found.motion == Motion("none", shift=found.motion.shift)
    rotated = find_violation(
        COLLECTION["large_systems_only"].make(), inputs=INPUTS, output="points", names="rotation"
    )
    assert rotated is not None
    assert rotated.case == Case(sizes=(9,))
    assert rotated.motion is not None
    assert rotated.motion.rotation == "z90"


def test_the_error_holds_the_report() -> None:
    with pytest.raises(EquivarianceError, match="moving the input does not move") as caught:
        assert_equivariant(far_only, inputs=INPUTS, output="points")
    assert "translation" in caught.value.report.names
    assert "smallest system" in str(caught.value)


def test_json() -> None:
    report = equivariance_report(far_only, inputs=INPUTS, output="points", max_examples=30)
    record = json.loads(report.to_json())
    assert record["ok"] is False
    assert {v["name"] for v in record["violations"]} >= {"translation"}
    assert record["examples"] > 0


def test_a_sound_model_has_the_rounding_error_that_was_seen() -> None:
    def unit(vector: Tensor) -> Tensor:
        return vector * (vector.square().sum(-1, keepdim=True) + 1e-6).rsqrt()

    report = equivariance_report(unit, inputs={"vector": "1o"}, output="1o", max_examples=10)
    assert report.ok
    assert 0 < report.error < 1e-9  # judged in float64


def test_find_violation_gives_none_for_a_sound_model() -> None:
    assert find_violation(good, inputs=INPUTS, output="points", max_examples=12) is None


def test_group_and_switches() -> None:
    spec = COLLECTION["scales_about_origin"]
    kept = equivariance_report(spec.make(), inputs=INPUTS, output="points", group="O3", quick=True)
    assert kept.ok, str(kept)
    spec = COLLECTION["global_center"]
    options = {"inputs": INPUTS, "output": "points", "quick": True}
    assert not equivariance_report(spec.make(), **options).ok
    assert equivariance_report(spec.make(), independence=False, **options).ok
    spec = COLLECTION["weights_by_index"]
    report = equivariance_report(spec.make(), permutation=False, independence=False, **options)
    assert report.ok, str(report)
    skipped = equivariance_report(
        COLLECTION["nan_at_coincident_nodes"].make(), skip=["non-finite"], **options
    )
    assert skipped.ok, str(skipped)


def test_vacuous_is_a_warning_unless_asked_to_be_an_error() -> None:
    def zeros(pos: Tensor, batch: Tensor) -> Tensor:
        return 0 * pos

    options = {"inputs": INPUTS, "output": "1o", "quick": True}
    report = equivariance_report(zeros, **options)
    assert report.ok
    assert [w.name for w in report.warnings] == ["vacuous"]
    assert equivariance_report(zeros, strict=["vacuous"], **options).names == ("vacuous",)


def test_same_seed_same_search() -> None:
    specimen = COLLECTION["far_nodes_only"]
    first, second = (
        equivariance_report(specimen.make(), seed=4, **specimen.declaration()) for _ in range(2)
    )
    assert [repr(f.case) for f in first.violations] == [repr(f.case) for f in second.violations]


def test_the_users_model_is_not_touched() -> None:
    model = COLLECTION["RunningStatistics"].make()
    assert isinstance(model, nn.Module)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    dtype = torch.get_default_dtype()
    equivariance_report(model, inputs=INPUTS, output="points", quick=True)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_default_dtype() == dtype


def test_float32_inside_a_bfloat16_model_is_sound() -> None:
    def centred(pos: Tensor, batch: Tensor) -> Tensor:
        x = pos.float()
        count = batch.bincount()[:, None]
        mean = x.new_zeros(len(count), 3).index_add(0, batch, x) / count
        return (0.5 * (x - mean[batch])).to(pos.dtype)

    report = equivariance_report(
        centred, inputs=INPUTS, output="1o", dtype=torch.bfloat16, max_examples=40
    )
    assert report.ok, str(report)


def test_a_write_that_autograd_refuses_is_a_finding() -> None:
    def writes(pos: Tensor, v: Tensor, batch: Tensor) -> Tensor:
        count = batch.bincount()[:, None]
        v.mul_(1.0)
        v.sub_(0.01 * (v.new_zeros(len(count), 3).index_add(0, batch, v) / count)[batch])
        return pos + v

    inputs = {"pos": "points", "v": "1o", "batch": "batch"}
    report = equivariance_report(writes, inputs=inputs, output="points", max_examples=12)
    assert "mutation" in report.names

"""Every registered name has its cases, and cases give the figures that they promise."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterator

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import registry
from eqnorm.bench import (
    Case,
    Record,
    Settings,
    cases,
    machine,
    missing_peers,
    paths,
    peers,
    roofline,
)
from eqnorm.bench import norms as norm_cases
from eqnorm.bench.steps import Systems, training_step
from eqnorm.functional.irreps import compiled_available

QUICK = Settings(seconds=1e-3, quick=True)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def one(part: str, pattern: str) -> list[Record]:
    (case,) = cases(QUICK, [part], pattern)
    return case.run()


def test_every_registered_name_has_a_case() -> None:
    names = [case.name for case in cases(QUICK)]
    assert len(set(names)) == len(names)
    for spec in eqnorm.norm_specs():
        if spec.name != "identity":
            assert any(name.startswith(f"{spec.name} on ") for name in names), spec
            assert any(f"_norm={spec.name}," in n or f", norm={spec.name}," in n for n in names)
    for model in eqnorm.list_models():
        assert any(name.startswith(f"{model}, N=5") for name in names), model


def test_a_norm_registered_later_has_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = eqnorm.norm_spec("unit", on="1o")
    other = dataclasses.replace(spec, name="another")
    monkeypatch.setattr(eqnorm, "norm_specs", lambda: [other])
    assert cases(QUICK, ["norms"])[0].name == "another on 1o, 1,000 edges"


def test_a_norm_on_irreps_is_timed_on_both_paths_against_its_peers() -> None:
    records = one("norms", "instancenorm on 160x0e")
    expected = ["torch", "compiled"] if compiled_available() else ["torch"]
    assert [record.path for record in records] == expected
    geometric = {"PyG"} if importlib.util.find_spec("torch_geometric") else set()
    for record in records:
        assert set(record.figures) == {"nn.LayerNorm", "e3nn BatchNorm"} | geometric
        assert record.rounds >= 5
        assert record.seconds is not None
        for figure in (record.seconds, *record.figures.values()):
            assert 0 < figure.low <= figure.value <= figure.high


def test_a_norm_in_a_step_adds_something() -> None:
    records = one("norms", "edge_norm=unit")
    assert [record.path for record in records] == ["torch", "default"]
    figures = {"added to the step", "the norm alone"}
    assert all(set(record.figures) == figures for record in records)


def test_models_and_the_peers_that_are_installed() -> None:
    (case,) = (c for c in cases(QUICK, ["models"], "egnn_vel, N=5"))
    ours = case.run()
    assert [record.path for record in ours] == ["torch", "default"]
    # The reference against itself.
    assert 0.5 < ours[0].figures["egnn_vel in torch"].value < 2
    for distribution, pattern in (("egnn-pytorch", "egnn-pytorch"), ("torch-geometric", "SchNet")):
        if distribution in missing_peers():
            with pytest.raises(ValueError, match="no case of models"):
                cases(QUICK, ["models"], pattern)
        else:
            (theirs,) = cases(QUICK, ["models"], f"{pattern}")[0].run()
            assert theirs.path == "theirs"


@pytest.mark.parametrize("name", ["tfn", "nequip"])
def test_e3nn_backbones_are_timed_against_the_same_in_plain_e3nn(name: str) -> None:
    (case,) = (c for c in cases(QUICK, ["models"], f"{name}, N=5"))
    records = case.run()
    assert [record.path for record in records] == ["torch", "default"]
    for record in records:
        assert list(record.figures) == ["e3nn's modules", "egnn_vel in torch"]
        assert record.figures["e3nn's modules"].value > 1 / 3


def test_backbones_on_irreps_have_sizes_that_fit() -> None:
    large = [case.name for case in cases(Settings(), ["models"], "N=100")]
    assert {"tfn, N=100, B=4", "egnn_vel, N=100, B=10"} <= set(large)


def test_peers_that_are_not_installed_are_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = {"absent-package": ("no_such_package", "models")}
    monkeypatch.setattr(peers, "_PEERS", {**peers._PEERS, **gone})
    assert missing_peers()["absent-package"] == "models"
    assert peers.peer("absent-package") is None


def test_the_simulator_against_its_exact_mode() -> None:
    pytest.importorskip("numba")
    (record,) = one("simulator", "N=5, one core")
    assert record.figures["exact mode"].value > 10


def test_the_roofline_counts_products() -> None:
    """Of a linear layer: 2 N C C forward, once more for the weights, none for the input."""
    layer, x = nn.Linear(32, 32, bias=False), torch.randn(100, 32)
    flops, traffic = roofline.work(lambda: layer(x).sum().backward())
    assert flops == 2 * 2 * 100 * 32 * 32
    # The least that the products read and write: input, weights and output, twice.
    assert traffic > 2 * 4 * (2 * 100 * 32 + 32 * 32)


def test_traffic_counts_operations_and_no_views() -> None:
    x = torch.ones(1000)
    with roofline.Traffic() as traffic:
        x.view(10, 100).transpose(0, 1)
    assert traffic.bytes == 0
    with roofline.Traffic() as traffic:
        x + x
    assert traffic.bytes == 3 * 4000


def test_the_share_of_the_peak_lies_below_one() -> None:
    records = one("roofline", "N=5")
    shares = {r.path: r.figures["of the GEMM peak"].value for r in records if "N=5" in r.what}
    assert 0.01 < shares["torch"] < 1
    assert 0.01 < shares["default"] < 1


def test_a_training_step_trains_all_parameters_and_changes_none() -> None:
    torch.manual_seed(0)
    systems = Systems.draw(2, 3, "cpu")
    model = eqnorm.create_model("egnn_vel", hidden=8, layers=2, edge_dim=2)
    before = [parameter.clone() for parameter in model.parameters()]
    training_step(model, systems)()
    assert any(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_paths_are_left_as_they_were() -> None:
    before = compiled_available()
    seen = []
    with paths.restored():
        paths.on_path(lambda: seen.append(compiled_available()), False)()
        paths.on_path(lambda: seen.append(compiled_available()), True)()
    assert seen == [False, before]
    assert compiled_available() == before


def test_a_norm_that_serves_no_irreps_of_the_list_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class OnlyFive(nn.Module):
        def __init__(self, irreps: str) -> None:
            super().__init__()
            raise ValueError("not these")

    monkeypatch.setattr(registry._norms, "specs", dict(registry._norms.specs))
    eqnorm.register_norm("only-five", on="irreps", equivariant_to="O3")(OnlyFive)
    with pytest.raises(ValueError, match="'only-five' accepts none of .*: add what it serves"):
        norm_cases.served(eqnorm.norm_spec("only-five", on="4x0e"))


def test_unknown_parts_and_patterns() -> None:
    with pytest.raises(ValueError, match="parts must be among norms, models, .*got speed"):
        cases(QUICK, ["speed"])
    with pytest.raises(ValueError, match="no case of norms has 'no such' in its name"):
        cases(QUICK, ["norms"], "no such")


def test_the_header_names_processor_and_versions() -> None:
    found = machine(QUICK)
    assert found["device"]
    assert found["threads"] == 1
    assert found["versions"]["torch"] == torch.__version__


def test_a_case_is_a_piece_of_work() -> None:
    assert all(isinstance(case, Case) and callable(case.run) for case in cases(QUICK))

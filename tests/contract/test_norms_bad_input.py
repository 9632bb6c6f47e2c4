"""Wrong input to a norm, whichever it is: an error that says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from eqnorm.norms.base import Norm
from eqnorm.types import parse_type
from tests.contract.norm_cases import MIXED, NormCase, call, default_cases

# The identity looks at nothing and returns its input, right or wrong.
CASES = [case for case in default_cases() if isinstance(case.build(), Norm)]
every = pytest.mark.parametrize("case", CASES, ids=str)


def those(applies: Callable[[NormCase], bool]) -> pytest.MarkDecorator:
    """The cases that a mistake can be made with."""
    chosen = [case for case in CASES if applies(case)]
    assert chosen
    return pytest.mark.parametrize("case", chosen, ids=str)


def has_option(case: NormCase, option: str) -> bool:
    return option in eqnorm.norm_spec(case.name, case.on).options


def error_of(norm: nn.Module, graph: Graph | Tensor | None, inputs: dict[str, Tensor]) -> str:
    with pytest.raises(ValueError, match=".") as caught:
        call(norm, graph, inputs)
    return str(caught.value)


@those(lambda case: bool(case.spec.needs))
def test_something_needed_is_missing(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(6)
    for name in case.spec.needs:
        rest = {key: value for key, value in inputs.items() if key != name}
        expected = f"{type(norm).__name__} needs {name}: call it as norm(x, graph, {name}=...)"
        assert error_of(norm, None, rest) == expected


@every
def test_shape(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(6)
    width = parse_type(case.on).dim
    message = error_of(norm, None, {**inputs, "x": torch.randn(6, width + 1).double()})
    assert f"x must have shape (N, {width})" in message
    assert f"got (6, {width + 1})" in message
    assert "x must have shape" in error_of(norm, None, {**inputs, "x": inputs["x"][0]})
    for name in case.takes:
        message = error_of(norm, None, {**inputs, name: inputs[name][:5]})
        assert message == f"{name} has 5 rows but x has 6; give one per node"
        if name != "h":
            message = error_of(norm, None, {**inputs, name: inputs[name][:, :2]})
            assert f"{name} must have shape (N, 3)" in message


@those(lambda case: "h" in case.spec.needs)
def test_number_of_features(case: NormCase) -> None:
    inputs = {**case.inputs(6), "h": torch.randn(6, 7).double()}
    message = error_of(case.build().double(), None, inputs)
    assert message == (
        "h has 7 features but this norm was built with h_dim=4; build it with h_dim=7"
    )


@every
def test_dtype(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(6)
    message = error_of(norm, None, {**inputs, "x": torch.ones_like(inputs["x"]).long()})
    assert "x must be floating point, got torch.int64; use .float()" in message
    for name in case.takes:
        message = error_of(norm, None, {**inputs, name: inputs[name].float()})
        assert f"{name} is torch.float32 on cpu but x is torch.float64 on cpu" in message
        assert f"use {name}.to(x)" in message


@every
def test_device(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(6)
    for name in case.takes:
        message = error_of(norm, None, {**inputs, name: inputs[name].to("meta")})
        assert f"{name} is torch.float64 on meta but x is torch.float64 on cpu" in message
    graph = Graph.complete(2, 3).to("meta")
    assert "graph is on meta but the input is on cpu" in error_of(norm, graph, inputs)


@every
def test_graph(case: NormCase) -> None:
    norm, inputs = case.build().double(), case.inputs(6)
    message = error_of(norm, Graph.complete(1, 5), inputs)
    assert "graph is over 5 nodes but the input has 6; build the graph" in message
    message = error_of(norm, torch.zeros(5, dtype=torch.int64), inputs)
    assert "batch has 5 entries but the input has 6 nodes" in message
    message = error_of(norm, torch.zeros(6), inputs)
    assert "batch must be int64 (LongTensor), got torch.float32" in message
    empty = {name: value[:0] for name, value in inputs.items()}
    assert "the input has no nodes" in error_of(norm, None, empty)
    with pytest.raises(TypeError, match="graph must be an eqnorm.Graph, a batch vector"):
        call(norm, [0] * 6, inputs)  # type: ignore[arg-type]


@every
def test_unknown_option(case: NormCase) -> None:
    with pytest.raises(TypeError) as caught:
        eqnorm.create_norm(case.name, on=case.on, momentom=0.1, **dict(case.options))
    options = sorted(eqnorm.norm_spec(case.name, on=case.on).options)
    expected = f"norm {case.name!r} has no option 'momentom'; it takes "
    assert str(caught.value) == expected + (", ".join(options) or "none")


@those(lambda case: "h" in eqnorm.norm_spec(case.name, case.on).needs)
def test_option_that_is_needed(case: NormCase) -> None:
    with pytest.raises(TypeError, match=f"norm '{case.name}' needs the option 'h_dim'"):
        eqnorm.create_norm(case.name, on=case.on)


@every
def test_a_type_it_does_not_serve(case: NormCase) -> None:
    """The error says what it serves, and which norms serve the type."""
    served = {spec.on for spec in eqnorm.norm_specs() if spec.name == case.name}
    if "irreps" not in served:
        with pytest.raises(ValueError, match=".") as caught:
            eqnorm.create_norm(case.name, on=MIXED[0], **dict(case.options))
        message = str(caught.value)
        assert f"norm {case.name!r} serves {', '.join(map(repr, sorted(served)))}" in message
        assert f"not '{MIXED[0]}'; norms for '{MIXED[0]}': batchnorm" in message
    if "points" not in served:
        with pytest.raises(ValueError, match=r"not 'points'; norms for 'points': .*geonorm"):
            eqnorm.create_norm(case.name, on="points", **dict(case.options))


@those(lambda case: has_option(case, "per_particle"))
def test_particles_of_another_number(case: NormCase) -> None:
    norm = eqnorm.create_norm(case.name, on=case.on, per_particle=4).double()
    message = error_of(norm, None, case.inputs(6))
    assert "parameters for systems of 4 particles (per_particle=4)" in message
    assert "use systems of that size, or per_particle=None" in message
    with pytest.raises(ValueError, match="per_particle must be the number of particles"):
        eqnorm.create_norm(case.name, on=case.on, per_particle=0)


@those(lambda case: has_option(case, "eps"))
def test_eps_below_zero(case: NormCase) -> None:
    with pytest.raises(ValueError, match=r"eps must .*, got -1"):
        eqnorm.create_norm(case.name, on=case.on, eps=-1.0, **dict(case.options))


@pytest.mark.parametrize(
    ("name", "on", "options", "expected"),
    [
        ("softcap", "1o", {"cap": 0.0}, "cap must be positive, in units of S, got 0.0"),
        ("clipnorm", "1o", {"limit": -1.0}, "limit must be positive, in units of S, got -1.0"),
        ("enf", "1o", {"constant": 0.0}, "constant must be positive, in the unit of x, got 0.0"),
        ("semla", "points", {"norm": "l2"}, "norm must be 'length', 'gvp' or 'none', got 'l2'"),
        ("system", "points", {"h_dim": 0}, "h_dim must be the number of invariant features h"),
        ("geofilm", "points", {"h_dim": 2.5}, "h_dim must be the number of invariant features h"),
    ],
)
def test_values_of_options(name: str, on: str, options: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        eqnorm.create_norm(name, on=on, **options)
    assert expected in str(caught.value)

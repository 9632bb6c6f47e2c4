"""The compiled loops of norms on points and displacements against the same in torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from eqnorm.functional import _compiled, points
from eqnorm.graph import Graph
from tests.functional.points_case import (
    CASES,
    GRAPHS,
    build,
    compare,
    draw,
    label,
    loops,
    results,
)

pytestmark = [
    pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed"),
    # torch's own derivative rules call it.
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),
]
every_case = pytest.mark.parametrize("case", CASES, ids=label)
Case = tuple[str, str, dict[str, Any]]


@every_case
@pytest.mark.parametrize("kind", GRAPHS)
def test_values_and_gradients(case: Case, kind: str) -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-4)):
        norm = build(case, dtype)
        for velocities in (True, False):
            given = draw(dtype, velocities)
            both = [results(norm, GRAPHS[kind], given, compiled) for compiled in (True, False)]
            compare(*both, tolerance)
            assert {"y", "x"} <= both[0].keys()


@pytest.mark.parametrize("name", ["layernorm", "scalenorm", "geonorm", "georms"])
def test_parameters_of_each_particle(name: str) -> None:
    norm = build(("points", name, {"per_particle": 6}), torch.float64)
    both = [results(norm, GRAPHS["one"], draw(torch.float64, True), on) for on in (True, False)]
    compare(*both, 1e-12)


@pytest.mark.parametrize("shapes", [((1, 1), (1, 1)), ((6, 1), (6, 1)), ((1, 1), (1, 3))])
def test_parameters_that_are_broadcast(shapes: tuple[tuple[int, int], ...]) -> None:
    """The loops read by address, and would not see that there is but one column."""
    x = draw(torch.float64, True)["x"]
    parameters = [torch.rand(shape, dtype=x.dtype).requires_grad_() for shape in shapes]
    found = []
    for on in (True, False):
        with loops(on):
            y = points.layer_norm(x, GRAPHS["one"], *parameters, 0.1)
            found.append([y, *torch.autograd.grad(y.square().sum(), parameters)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@every_case
def test_they_run_where_they_can(case: Case, calls: list[str]) -> None:
    norm = build(case, torch.float32)
    results(norm, GRAPHS["ragged"], draw(torch.float32, True), True)
    assert calls == ["forward", "backward"]


def test_what_differs_is_found() -> None:
    given = draw(torch.float64, True)
    right, other = (
        build(("points", "geonorm", {"eps": eps}), torch.float64) for eps in (0.1, 0.11)
    )
    expected = results(right, GRAPHS["ragged"], given, False)
    with pytest.raises(AssertionError):
        compare(results(other, GRAPHS["ragged"], given, True), expected, 2e-4)


@every_case
def test_against_finite_differences(case: Case) -> None:
    norm = build(case, torch.float64)
    given = {k: v.requires_grad_() for k, v in draw(torch.float64, True).items()}

    def run(*values: Tensor) -> Tensor:
        return norm(graph=GRAPHS["padded"], **dict(zip(given, values, strict=True)))

    with loops(True):
        assert torch.autograd.gradcheck(run, tuple(given.values()), fast_mode=True)
        assert torch.autograd.gradgradcheck(run, tuple(given.values()), fast_mode=True)


@every_case
def test_second_derivatives_where_x_is_made_from_x0(case: Case) -> None:
    """As in a network: the gradient of x0 must not hold what comes through x twice."""
    norm = build(case, torch.float64)
    found = []
    for compiled in (True, False):
        leaves = {k: v.requires_grad_() for k, v in draw(torch.float64, True).items()}
        with loops(compiled):
            x = leaves["x0"].sin() + leaves["h"][:, :3]
            y = norm(x, GRAPHS["ragged"], leaves["x0"], leaves["v"], leaves["h"])
            once = torch.autograd.grad(y.pow(3).sum(), leaves["x0"], create_graph=True)[0]
            wanted = [leaves["x0"], leaves["h"], *norm.parameters()]
            again = torch.autograd.grad(once.square().sum(), wanted, allow_unused=True)
        found.append([once, *(t for t in again if t is not None)])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


@every_case
def test_degenerate_input(case: Case) -> None:
    """Coincident points, also far away; nothing but zeros; collapse; single nodes; explosions."""
    graph = Graph.from_batch(torch.tensor([0, 0, 0, 1, 1, 2]))
    for dtype in (torch.float32, torch.float64):
        norm = build(case, dtype)
        usual = draw(dtype, True)
        zeros = {k: torch.zeros_like(v) for k, v in usual.items()}
        same = {k: v[:1].expand_as(v).contiguous() for k, v in usual.items()}
        far = same | {k: same[k] + 1e4 for k in ("x", "x0")}
        inputs = (
            *(zeros, same, far, usual | {"x": same["x"]}, usual | {"x0": same["x0"]}),
            *(usual | {"v": zeros["v"]}, usual | {"x": 1e15 * usual["x"]}),
        )
        for given in inputs:
            found, expected = (results(norm, graph, given, on) for on in (True, False))
            assert all(value.isfinite().all() for value in found.values())
            # Rounding of points far away is not the same in both, and its size is of no meaning.
            if given is not far:
                scale = expected["y"].abs().max() + 1
                # Norms divide by some 1e-4 where there is no extent, and so what is rounded.
                tolerance = 1e5 * torch.finfo(dtype).eps
                assert (found["y"] - expected["y"]).abs().max() <= tolerance * scale


@every_case
def test_nan_stays_in_its_graph(case: Case) -> None:
    norm = build(case, torch.float32)
    given = draw(torch.float32, True)
    graph = GRAPHS["ragged"]
    clean = results(norm, graph, given, True)["y"]
    given["x"][2, 1] = torch.nan
    y = results(norm, graph, given, True)["y"]
    others = graph.batch != graph.batch[2]
    assert y[2].isnan().any()
    assert torch.equal(y[others], clean[others])


@every_case
def test_no_gradient_is_asked_for_in_vain(case: Case, calls: list[str]) -> None:
    norm = build(case, torch.float64)
    given = draw(torch.float64, True)
    whole = results(norm, GRAPHS["uniform"], given, True)
    for name in ("x", "x0", "v", "h"):
        if name not in whole:
            continue
        one = given | {name: given[name].clone().requires_grad_()}
        y = norm(graph=GRAPHS["uniform"], **one)
        weights = torch.randn(
            y.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64
        )
        y.backward(weights)
        torch.testing.assert_close(one[name].grad, whole[name])
    assert set(calls) == {"forward", "backward"}


@every_case
def test_float32_is_at_least_as_exact(case: Case) -> None:
    """Many nodes in any order, against float64 in torch."""
    rows = 600
    graph = Graph.from_batch(
        torch.randint(0, 5, (rows,), generator=torch.Generator().manual_seed(4))
    )
    given = draw(torch.float32, True, rows)
    wide = {k: v.double() for k, v in given.items()}
    truth = results(build(case, torch.float32).double(), graph, wide, False)
    errors = []
    for compiled in (True, False):
        found = results(build(case, torch.float32), graph, given, compiled)
        errors.append({k: (found[k] - truth[k]).abs().max() / truth[k].abs().max() for k in found})
    for name, error in errors[0].items():
        assert error <= max(2 * errors[1][name], 1e-5), (name, error, errors[1][name])

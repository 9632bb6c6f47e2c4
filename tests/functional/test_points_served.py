"""What the compiled loops of points serve, and what they leave to torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.graph import Graph
from tests.functional.points_case import (
    FEATURES,
    GRAPHS,
    NODES,
    build,
    compare,
    draw,
    loops,
    results,
)

pytestmark = [
    pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed"),
    # torch's own derivative rules call it.
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),
]


def test_strided_velocities_and_gradients(calls: list[str]) -> None:
    norm = build(("points", "system", {"h_dim": FEATURES}), torch.float64)
    given = draw(torch.float64, True)
    expected = results(norm, GRAPHS["ragged"], given, True)
    strided = {
        k: v if k == "x" else torch.stack([v, -v], -1)[..., 0].mT.contiguous().mT
        for k, v in given.items()
    }
    assert not strided["v"].is_contiguous()
    compare(results(norm, GRAPHS["ragged"], strided, True), expected, 1e-14)
    assert calls == 2 * ["forward", "backward"]
    leaf = given["x"].clone().requires_grad_()
    norm(leaf, GRAPHS["ragged"], **{k: v for k, v in given.items() if k != "x"}).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.abs().max() > 0  # of an expanded gradient


BOX = Graph.radius(torch.rand(NODES, 3), 0.5, box=torch.tensor([2.0, 2.0, 2.0]))


@pytest.mark.parametrize("how", ["strided", "half", "box", "dtypes", "autocast", "vmap", "jvp"])
def test_what_they_do_not_serve(how: str, calls: list[str]) -> None:
    norm = build(("1o", "rms_film", {"h_dim": FEATURES}), torch.float32)
    given, graph = draw(torch.float32, True), GRAPHS["uniform"]
    if how == "strided":
        given["x"] = given["x"].mT.contiguous().mT
    elif how == "half":
        given = {k: v.half() for k, v in given.items()}
        norm = norm.half()
    elif how == "box":
        graph = BOX
    elif how == "dtypes":
        norm = norm.double()
    if how == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            y = norm(graph=graph, **given)
    elif how in ("vmap", "jvp"):
        x = given.pop("x")

        def run(t: Tensor) -> Tensor:
            return norm(t, graph, **given)

        if how == "vmap":
            y = torch.func.vmap(run)(torch.stack([x, x]))[1]
        else:
            y, _ = torch.func.jvp(run, (x,), (x,))
        given["x"] = x
    else:
        y = norm(graph=graph, **given)
    # In half precision the norm goes over to float32, but for its parameters.
    assert calls == []
    with loops(False):
        torch.testing.assert_close(y, norm(graph=graph, **given), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("name", ["geonorm", "system", "geofilm", "semla"])
def test_compile_export_and_functional_transforms(name: str) -> None:
    options = {"h_dim": FEATURES} if name in ("system", "geofilm") else {}
    norm = build(("points", name, options), torch.float64)
    given, graph = draw(torch.float64, True), GRAPHS["uniform"]
    with loops(True):
        expected = results(norm, graph, given, True)
        traced = torch.compile(norm, fullgraph=True, dynamic=True, backend="aot_eager")
        compare(results(traced, graph, given, True), _renamed(expected), 1e-12)
        x = given.pop("x")

        def loss(t: Tensor) -> Tensor:
            return (norm(t, graph, **given) * weights).sum()

        weights = torch.randn(
            x.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64
        )
        torch.testing.assert_close(torch.func.grad(loss)(x), expected["x"])
        program = torch.export.export(norm, (x,), given).module()
        torch.testing.assert_close(program(x, **given), norm(x, **given))


def _renamed(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """As parameters of a compiled module are called."""
    return {k if k in ("y", "x", "x0", "v", "h") else f"_orig_mod.{k}": v for k, v in found.items()}

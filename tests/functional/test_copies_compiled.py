"""The compiled length-based norms against their torch operations, which the oracles check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm.functional import _compiled, irreps
from eqnorm.functional._irreps import copies_plain
from eqnorm.graph import Graph

pytestmark = pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed")

# All kinds of blocks and loops: 1, 3, 5 and 7 components, several blocks of a kind, 0e and 0o.
MIXED = "3x1o+9x0e+4x0o+5x2e+3x3o+2x0e+17x1o"
IRREPS = [MIXED, "4x0e", "3x0o", "5x1o", "4x2e+2x0e"]
ROWS = 150  # more than a tile, and than the 64 rows of a run
NORMS: list[tuple[str, dict[str, Any]]] = [
    ("norm_layernorm", {}),
    ("norm_layernorm", {"activation": "relu"}),
    ("norm_layernorm", {"activation": "identity"}),
    ("vn_batchnorm", {}),
    ("vn_batchnorm", {"activation": "softplus"}),
    ("vn_batchnorm", {"activation": "relu"}),
    ("geonorm", {}),
]


def graphs() -> dict[str, Graph]:
    generator = torch.Generator().manual_seed(1)
    ragged = torch.randint(0, 7, (ROWS,), generator=generator)
    mask = torch.rand(10, ROWS // 10, generator=generator) > 0.4
    mask[:, 3] = True
    return {
        "one": Graph.complete(1, ROWS),
        "uniform": Graph.complete(ROWS // 5, 5),
        "ragged": Graph.from_batch(ragged.sort().values),
        "not sorted": Graph.from_batch(ragged),
        "padded": Graph.from_mask(mask),
        "one, padded": Graph.from_mask(mask.view(1, -1)),
    }


GRAPHS = graphs()


def randomised(name: str, on: str, **options: Any) -> nn.Module:
    norm = eqnorm.create_norm(name, on=on, **options)
    for parameter in norm.parameters():
        nn.init.normal_(parameter, 0.5, 0.4)
    return norm


def both(norm: nn.Module, x: Tensor, graph: Graph) -> tuple[list[Tensor], list[Tensor]]:
    """Output and gradients in torch and compiled, in this order."""
    before = irreps.compiled_available()
    inputs = [p for p in norm.parameters() if p.numel()]
    found = []
    g = torch.randn(x.shape, dtype=x.dtype)
    for enabled in (False, True):
        irreps.use_compiled(enabled)
        leaf = x.clone().requires_grad_()
        y = norm(leaf, graph)
        found.append([y, *torch.autograd.grad(y, [leaf, *inputs], g)])
    irreps.use_compiled(before)
    return found[0], found[1]


def assert_same(norm: nn.Module, x: Tensor, graph: Graph, tolerance: float) -> None:
    for plain, compiled in zip(*both(norm, x, graph), strict=True):
        scale = max(1.0, float(plain.detach().abs().max()))
        torch.testing.assert_close(compiled, plain, atol=tolerance * scale, rtol=0)


@pytest.mark.parametrize("order", ["mul_ir", "ir_mul"])
@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize(("name", "options"), NORMS)
def test_same_to_rounding(name: str, options: dict[str, Any], kind: str, order: str) -> None:
    for on in IRREPS:
        norm = randomised(name, on, layout=order, **options).double()
        x = torch.randn(ROWS, norm.dim, dtype=torch.float64) + 0.3
        assert_same(norm, x, GRAPHS[kind], 1e-11)


@pytest.mark.parametrize(("name", "options"), NORMS)
def test_same_to_rounding_in_single_precision(name: str, options: dict[str, Any]) -> None:
    for kind in ("one", "ragged"):
        norm = randomised(name, "16x0e+8x1o+6x2e", **options)
        assert_same(norm, torch.randn(ROWS, norm.dim), GRAPHS[kind], 1e-4)


@pytest.mark.parametrize("kind", ["one", "one, padded"])
def test_evaluation_of_vn_batchnorm(kind: str) -> None:
    norm = randomised("vn_batchnorm", MIXED).double()
    for _ in range(3):
        norm(torch.randn(ROWS, norm.dim, dtype=torch.float64) * 2, GRAPHS[kind])
    norm.eval()
    assert_same(norm, torch.randn(ROWS, norm.dim, dtype=torch.float64), GRAPHS[kind], 1e-12)


def test_gradients_of_evaluation_survive_a_training_step_between() -> None:
    norm = randomised("vn_batchnorm", "2x0e+3x1o").double()
    x = torch.randn(9, norm.dim, dtype=torch.float64, requires_grad=True)
    y = norm.eval()(x)
    (expected,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    norm.train()(torch.randn_like(x) * 5)
    (found,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("name", "options"), NORMS)
def test_the_kernels_are_what_runs(name: str, options: dict[str, Any]) -> None:
    norm = randomised(name, "2x0e+3x1o", **options)
    x = torch.randn(6, norm.dim)
    before = irreps.compiled_available()
    seen = []
    for enabled in (True, False):
        irreps.use_compiled(enabled)
        seen.append(norm(x).grad_fn.name())
    irreps.use_compiled(before)
    assert seen[0] == "_FusedBackward"
    assert seen[1] != "_FusedBackward"


def test_a_difference_is_seen() -> None:
    norm = randomised("geonorm", MIXED).double()
    x = torch.randn(ROWS, norm.dim, dtype=torch.float64)
    honest = copies_plain.geo_norm

    def wrong(*args: Any) -> Tensor:
        return honest(*args[:5], args[5] * 1.001, args[6])

    copies_plain.geo_norm = wrong
    try:
        with pytest.raises(AssertionError, match="not close"):
            assert_same(norm, x, GRAPHS["ragged"], 1e-11)
    finally:
        copies_plain.geo_norm = honest


CALLS: dict[str, Callable[..., Tensor]] = {
    "norm_layernorm": lambda x, w, b, layout: irreps.norm_layer_norm(x, layout, w, b, 0.1, 0.1),
    "vn_batchnorm": lambda x, w, b, layout: irreps.vn_batch_norm(
        x, layout, w, b, 0.1, 0.1, Graph.from_mask(torch.tensor([[True, True, False, True]]))
    )[0],
    "geonorm": lambda x, w, b, layout: irreps.geo_norm(
        x,
        layout,
        w,
        b[: layout.num_scalars],
        b[: layout.higher_copies.shape[0]],
        0.1,
        Graph.from_batch(torch.tensor([1, 0, 1, 1])),
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("order", ["mul_ir", "ir_mul"])
def test_first_and_second_derivatives(name: str, order: str) -> None:
    before = irreps.compiled_available()
    irreps.use_compiled(True)
    layout = irreps.Layout("1o+2x0e+1x2e+2x0o+1o", order)
    sizes = [(4, layout.dim), (layout.num_copies,), (layout.num_copies,)]
    inputs = [torch.randn(s, dtype=torch.float64).add_(0.3).requires_grad_() for s in sizes]

    def run(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return CALLS[name](x, w, b, layout)

    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)
    irreps.use_compiled(before)


def test_softplus_of_the_kernels() -> None:
    """With a mean of 0 and a variance of 1, y is the softplus of the length, or of minus that."""
    layout = irreps.Layout("1x1o")
    for dtype, tolerance in ((torch.float32, 4e-7), (torch.float64, 1e-14)):
        z = torch.cat([torch.linspace(-100, 100, 40001), torch.tensor([-1e4, 1e4])]).to(dtype)
        x = torch.zeros(len(z), 3, dtype=dtype)
        x[:, 1] = 1.0
        ones = torch.ones(1, dtype=dtype)
        running = (torch.zeros(1, dtype=dtype), ones - 1e-5)
        graph = Graph.from_batch(torch.zeros(len(z), dtype=torch.int64))
        scaled = x * (z.abs() + 1e-3)[:, None]
        for sign in (1.0, -1.0):
            y = irreps.vn_batch_norm(
                scaled, layout, sign * ones, 0 * ones, 1e-5, 1e-30, graph, running, "softplus"
            )[0][:, 1]
            exact = nn.functional.softplus(sign * scaled[:, 1].double())
            shown = exact > torch.finfo(dtype).tiny * 1e4  # below, exponents are cut off
            # What the argument is rounded to moves the result by as much again, times |z|.
            allowed = tolerance * (1 + scaled[:, 1].double().abs()) * exact
            assert ((y.double() - exact).abs() <= allowed)[shown].all()


def test_nan_stays_nan_in_its_own_row() -> None:
    for name, options in NORMS[:3]:
        norm = randomised(name, "2x0e+3x1o", **options)
        x = torch.randn(5, norm.dim)
        x[2, 4] = float("nan")
        y = norm(x)
        assert y[2, 2:5].isnan().all()
        assert y[[0, 1, 3, 4]].isfinite().all()

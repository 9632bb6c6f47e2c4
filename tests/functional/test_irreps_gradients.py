"""First and second derivatives of the irreps kernels, against finite differences and each other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import eqnorm
from eqnorm.functional.irreps import (
    Columns,
    Layout,
    column_norm,
    degree_balanced_rows,
    layer_rows,
    rms_rows,
    row_norm,
    separable_rows,
)
from eqnorm.graph import Graph

IRREPS = ["1o+2x0e+1x1o+1x0o", "2x0e+1x1o+1x0e", "2x1o", "3x0e"]
GRAPHS = {
    "one": Graph.complete(1, 4),
    "uniform": Graph.complete(2, 2),
    "ragged": Graph.from_batch(torch.tensor([0, 1, 0, 0])),
    "padded": Graph.from_mask(torch.tensor([[True, False], [True, True]])),
    "one, padded": Graph.from_mask(torch.tensor([[True, True, False, True]])),
}

pytestmark = pytest.mark.usefixtures("path")


def leaves(layout: Layout, shifted: bool = False) -> list[Tensor]:
    sizes = [(4, layout.dim), (layout.num_copies,), (layout.num_scalars,)]
    if shifted:
        sizes.append((layout.num_scalars,))
    return [torch.randn(size, dtype=torch.float64).add_(0.3).requires_grad_() for size in sizes]


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("rule", [layer_rows, rms_rows, degree_balanced_rows, separable_rows])
def test_row_norm(irreps: str, rule: object) -> None:
    layout = Layout(irreps)
    how = rule(layout, 0.1)

    def run(*inputs: Tensor) -> Tensor:
        return row_norm(*inputs, how)

    inputs = leaves(layout)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("shifted", [False, True])
def test_column_norm(irreps: str, kind: str, shifted: bool) -> None:
    layout = Layout(irreps)
    how = Columns(layout, GRAPHS[kind], True, 0.1)

    def run(x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None = None) -> Tensor:
        return column_norm(x, weight, bias, shift, how)[0]

    inputs = leaves(layout, shifted)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["norm_layernorm", "vn_batchnorm", "geonorm"])
def test_other_norms(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS[0]).double()
    x = torch.randn(4, norm.dim, dtype=torch.float64, requires_grad=True)
    batch = torch.tensor([0, 0, 1, 1])
    assert torch.autograd.gradcheck(lambda t: norm(t, batch), x)
    assert torch.autograd.gradgradcheck(lambda t: norm(t, batch), x)


@pytest.mark.parametrize("create_graph", [False, True])
def test_inputs_made_from_one_another(create_graph: bool) -> None:
    """What reaches x through the weight is in the weight's gradient, and not in that of x too."""
    layout = Layout("2x0e+1x1o")
    x, _, bias = leaves(layout)
    columns = Columns(layout, GRAPHS["one"], True, 0.1)
    runs = (
        lambda weight: row_norm(x, weight, bias, layer_rows(layout, 0.1)),
        lambda weight: column_norm(x, weight, bias, None, columns)[0],
    )
    for run in runs:
        total = run(x[:, : layout.num_copies].mean(0)).sin().sum()
        (found,) = torch.autograd.grad(total, x, create_graph=create_graph)
        step, direction = 1e-6, torch.randn_like(x)
        with torch.no_grad():
            ends = []
            for sign in (1, -1):
                x += sign * step * direction
                ends.append(run(x[:, : layout.num_copies].mean(0)).sin().sum())
                x -= sign * step * direction
        slope = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close((found * direction).sum(), slope, rtol=1e-6, atol=1e-8)


def test_a_wrong_backward_is_found() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x.square().mean(1, keepdim=True).rsqrt()

        @staticmethod
        def backward(ctx, g: Tensor) -> Tensor:
            return g * ctx.saved_tensors[0].square().mean(1, keepdim=True).rsqrt()

    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    assert not torch.autograd.gradcheck(Wrong.apply, x, fast_mode=True, raise_exception=False)


def test_a_force_loss_trains_parameters() -> None:
    norm = eqnorm.create_norm("batchnorm", on=IRREPS[0]).double()
    norm.weight.data.normal_()
    x = torch.randn(4, norm.dim, dtype=torch.float64, requires_grad=True)
    (force,) = torch.autograd.grad(norm(x).pow(3).sum(), x, create_graph=True)
    force.square().sum().backward()
    assert x.grad is not None
    assert norm.weight.grad is not None
    assert norm.weight.grad.abs().max() > 0


def test_gradients_that_nobody_asked_for() -> None:
    norm = eqnorm.create_norm("graphnorm", on=IRREPS[0])
    for parameter in norm.parameters():
        parameter.requires_grad_(False)
    x = torch.randn(4, norm.dim, requires_grad=True)
    norm(x).sum().backward()
    assert x.grad is not None
    norm.weight.requires_grad_(True)
    norm(x.detach()).sin().sum().backward()
    assert norm.weight.grad is not None


@pytest.mark.parametrize("name", ["graphnorm", "instancenorm", "batchnorm"])
def test_gradients_where_features_are_huge(name: str, path: str) -> None:
    """In float32, which holds their squares, but not the cube of one over their size."""
    norm = eqnorm.create_norm(name, on="3x0e+2x1o")
    x, weights = 1e16 * torch.randn(6, norm.dim), torch.randn(6, norm.dim)
    graph = Graph.from_batch(torch.tensor([0, 0, 0, 1, 1, 1]))
    found = []
    for dtype in (torch.float32, torch.float64):
        leaf = x.to(dtype).requires_grad_()
        total = (norm.to(dtype)(leaf, graph) * weights.to(dtype)).sum()
        gradients = torch.autograd.grad(total, [leaf, *norm.parameters()])
        found.append([gradients[0] * 1e16, *gradients[1:]])
    for narrow, wide in zip(*found, strict=True):
        torch.testing.assert_close(narrow.double(), wide, rtol=1e-3, atol=1e-4)

"""Extreme and degenerate input: finite values and gradients, and no lost digits."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import eqnorm
from eqnorm.graph import Graph

IRREPS = "1o+4x0e+2x1o+0o"
NAMES = [spec.name for spec in eqnorm.norm_specs(on=IRREPS) if "eps" in spec.options]

pytestmark = pytest.mark.usefixtures("path")


def finite(name: str, x: torch.Tensor, graph: object = None) -> torch.Tensor:
    norm = eqnorm.create_norm(name, on=IRREPS).to(x.dtype)
    x.requires_grad_()
    y = norm(x, graph)
    grads = torch.autograd.grad(
        y.sin().sum(), [x, *norm.parameters()], allow_unused=True, materialize_grads=True
    )
    for value in (y, *grads):
        assert value.isfinite().all()
    return y


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-4, 1.0, 1e15])
def test_finite_for_any_scale(name: str, rows: int, scale: float) -> None:
    finite(name, torch.randn(rows, 14) * scale)


@pytest.mark.parametrize("name", NAMES)
def test_finite_for_equal_nodes_and_graphs_of_one_node(name: str) -> None:
    finite(name, torch.randn(1, 14).repeat(5, 1), torch.tensor([0, 1, 1, 2, 1]))


@pytest.mark.parametrize("name", NAMES)
def test_padded_rows_stay_finite(name: str) -> None:
    mask = torch.tensor([[True, False, False], [True, True, True]])
    x = torch.randn(6, 14)
    x[1:3] = 0.0
    finite(name, x, Graph.from_mask(mask))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_rounded(name: str, dtype: torch.dtype) -> None:
    x = (torch.randn(9, 14) * 300).to(dtype)
    norm = eqnorm.create_norm(name, on=IRREPS)
    twin = copy.deepcopy(norm)
    torch.testing.assert_close(norm(x), twin(x.float()).to(dtype), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["batchnorm", "instancenorm", "graphnorm"])
@pytest.mark.parametrize(("dtype", "mean"), [(torch.float32, 1e4), (torch.float64, 1e9)])
def test_a_large_mean_does_not_drown_the_variance(
    name: str, dtype: torch.dtype, mean: float
) -> None:
    noise = torch.randn(50, 3, dtype=torch.float64)
    x = (noise + mean).to(dtype).requires_grad_()
    exact = x.detach().double()
    scaled = (exact - exact.mean(0)) * (exact.var(0, correction=0) + 1e-5).rsqrt()
    batch = torch.zeros(50, dtype=torch.int64)
    y = eqnorm.create_norm(name, on="3x0e").to(dtype)(x, batch)
    tolerance = 20 * torch.finfo(dtype).eps * mean  # what the rounding of x leaves
    torch.testing.assert_close(y.double(), scaled, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_float64_is_float64(name: str) -> None:
    torch.manual_seed(3)
    x = torch.randn(9, 14, dtype=torch.float64)
    norm = eqnorm.create_norm(name, on=IRREPS).double()
    if name in ("scalenorm", "rmsnorm", "layernorm"):
        small = norm(x * 1e-2) - norm(x * 1e-2 * (1 + 1e-12))
        assert 0 < small.abs().max() < 1e-11
    twin = copy.deepcopy(norm)
    assert torch.equal(norm(x), twin(x))
    assert norm(x).dtype == torch.float64


@pytest.mark.parametrize("name", NAMES)
def test_copies_and_pickles(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS)
    x = torch.randn(5, 14)
    for twin in (copy.deepcopy(norm), pickle.loads(pickle.dumps(norm))):
        torch.testing.assert_close(twin.eval()(x), norm.eval()(x), rtol=0, atol=0)
    assert not any(name.startswith("layout") for name in norm.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_strided_input(name: str) -> None:
    x = torch.randn(14, 9).t().requires_grad_()
    norm = eqnorm.create_norm(name, on=IRREPS)
    twin = copy.deepcopy(norm)
    y, z = norm(x), twin(x.contiguous())
    torch.testing.assert_close(y, z)
    g = torch.randn(14, 9).t()
    torch.testing.assert_close(*(torch.autograd.grad(out, x, g)[0] for out in (y, z)))


@pytest.mark.parametrize("name", ["batchnorm", "vn_batchnorm"])
def test_evaluation_reads_only_the_running_statistics(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS)
    norm(torch.randn(20, 14))
    x = torch.randn(6, 14)
    norm.eval()
    before = copy.deepcopy(norm.state_dict())
    torch.testing.assert_close(norm(x)[:2], norm(x[:2]))
    assert all(torch.equal(before[key], value) for key, value in norm.state_dict().items())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("layernorm", {"eps": 0.0}, "eps must be positive and finite, got 0.0"),
        ("layernorm", {"normalization": "max"}, "must be one of 'component', 'norm', got 'max'"),
        ("layernorm", {"layout": "ml"}, "layout must be 'mul_ir' or 'ir_mul', got 'ml'"),
        ("batchnorm", {"momentum": 1.5}, "momentum must lie between 0 and 1, got 1.5"),
        ("vn_batchnorm", {"momentum": -0.1}, "momentum must lie between 0 and 1, got -0.1"),
        ("vn_batchnorm", {"length_eps": 0.0}, "length_eps must be positive, in the unit of x"),
        ("norm_layernorm", {"length_eps": 0.0}, "length_eps must be positive, in the unit of x"),
        ("norm_layernorm", {"activation": "tanh"}, "one of 'softplus', 'relu', 'identity'"),
        ("gvp_layernorm", {"vector_eps": -1.0}, "vector_eps must be positive"),
    ],
)
def test_options_out_of_range(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eqnorm.create_norm(name, on=IRREPS, **options)


def test_a_tensor_of_another_width_names_the_irreps() -> None:
    norm = eqnorm.create_norm("layernorm", on="2x0e+1x1o")
    with pytest.raises(ValueError, match=r"shape \(N, 5\) for .* on 2x0e\+1x1o, got \(3, 4\)"):
        norm(torch.zeros(3, 4))

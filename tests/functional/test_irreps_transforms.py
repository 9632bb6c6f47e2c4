"""torch.compile, torch.export, torch.func and forward-mode derivatives of the irreps norms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

import eqnorm

IRREPS = "1o+4x0e+2x1o+0o"
DIM = 14
NAMES = [spec.name for spec in eqnorm.norm_specs(on=IRREPS) if "eps" in spec.options]

# torch's own derivative rules call it.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", NAMES)
def test_compiles_once_for_all_batch_sizes(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS)
    count = 0

    def backend(graph: torch.fx.GraphModule, example: list[Tensor]) -> object:
        nonlocal count
        count += 1
        return graph.forward

    compiled = torch.compile(norm, fullgraph=True, dynamic=True, backend=backend)
    for rows in (5, 8, 13):
        x = torch.randn(rows, DIM)
        norm.eval()  # running statistics do not move between the two calls
        torch.testing.assert_close(compiled(x), norm(x), rtol=1e-5, atol=1e-5)
    assert count == 1


@pytest.mark.parametrize("name", ["batchnorm", "instancenorm", "layernorm", "vn_batchnorm"])
def test_compiles_in_training_with_gradients(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS)
    twin = eqnorm.create_norm(name, on=IRREPS)
    compiled = torch.compile(twin, fullgraph=True, dynamic=True, backend="aot_eager")
    for rows in (6, 9):
        x = torch.randn(rows, DIM, requires_grad=True)
        batch = eqnorm.Graph.from_batch(torch.arange(rows) // 3)
        y, z = norm(x, batch), compiled(x, batch)
        torch.testing.assert_close(y, z, rtol=1e-5, atol=1e-5)
        grads = [torch.autograd.grad(out.sin().sum(), x)[0] for out in (y, z)]
        torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(dict(norm.named_buffers()), dict(twin.named_buffers()))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_generated_code(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS).eval()
    compiled = torch.compile(norm, fullgraph=True, dynamic=True)
    for rows in (5, 8):
        x = torch.randn(rows, DIM, requires_grad=True)
        y, z = norm(x), compiled(x)
        torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-5)
        grads = [torch.autograd.grad(out.sin().sum(), x)[0] for out in (y, z)]
        torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_exports_with_a_free_batch_size(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS).eval()
    rows = torch.export.Dim("rows", min=2, max=1 << 20)
    program = torch.export.export(norm, (torch.randn(5, DIM),), dynamic_shapes=({0: rows},))
    x = torch.randn(11, DIM)
    torch.testing.assert_close(program.module()(x), norm(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_vmap_over_parameters(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS).eval()
    x = torch.randn(6, DIM)
    stacked = {
        key: torch.randn(3, *value.shape).mul_(0.2).add_(1.0)
        for key, value in norm.named_parameters()
    }

    def run(values: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(norm, values, (x,))

    together = torch.func.vmap(run)(stacked)
    for i in range(3):
        alone = run({key: value[i] for key, value in stacked.items()})
        torch.testing.assert_close(together[i], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_forward_mode_agrees_with_backward(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS).double().eval()
    x, direction, g = (torch.randn(6, DIM, dtype=torch.float64) for _ in range(3))
    _, tangent = torch.func.jvp(norm, (x,), (direction,))
    leaf = x.clone().requires_grad_()
    (back,) = torch.autograd.grad(norm(leaf), leaf, g)
    torch.testing.assert_close((tangent * g).sum(), (back * direction).sum())
    with torch.autograd.forward_ad.dual_level():
        dual = norm(torch.autograd.forward_ad.make_dual(x, direction))
        old = torch.autograd.forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(old, tangent)


@pytest.mark.parametrize("name", ["layernorm", "instancenorm"])
def test_functional_gradients_and_hessians(name: str) -> None:
    norm = eqnorm.create_norm(name, on="2x0e+1x1o").double()
    x = torch.randn(2, 5, dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    (back,) = torch.autograd.grad(norm(leaf).pow(3).sum(), leaf)
    torch.testing.assert_close(torch.func.grad(lambda t: norm(t).pow(3).sum())(x), back)
    hessian = torch.func.hessian(lambda t: norm(t).pow(3).sum())(x).reshape(10, 10)
    torch.testing.assert_close(hessian, hessian.T)


@pytest.mark.parametrize("name", ["layernorm", "instancenorm"])
def test_a_trace_holds_operations_and_no_constants(name: str) -> None:
    norm = eqnorm.create_norm(name, on=IRREPS)
    graph = make_fx(lambda t: norm(t))(torch.randn(5, DIM))
    x = torch.randn(5, DIM)
    torch.testing.assert_close(graph(x), norm(x), rtol=1e-5, atol=1e-5)

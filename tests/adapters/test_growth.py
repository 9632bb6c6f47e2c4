"""A training step takes memory in proportion to the edges, not to the square of the nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import eqnorm
from eqnorm import Graph
from eqnorm_adapters.native import native_available, use_native

DENSITY = 20 / (4 / 3 * torch.pi)  # so that a ball of radius 1 holds 20 neighbours


def cutoff_system(nodes: int) -> tuple[Tensor, Graph]:
    """A periodic box of one density at every size, with a cutoff of 1."""
    pytest.importorskip("vesin")
    length = (nodes / DENSITY) ** (1 / 3)
    x = torch.rand(nodes, 3) * length
    return x, Graph.radius(x, 1.0, box=torch.full((3,), length))


def kept_for_backward(x: Tensor, graph: Graph) -> int:
    """Bytes that a training step keeps for its backward pass, each storage counted once."""
    torch.manual_seed(0)
    model = eqnorm.create_model("egnn_vel", hidden=32, layers=4)
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no address comes again

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        alive.append(value)
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        loss = model(x, graph, v=torch.randn_like(x)).x.square().mean()
    loss.backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)
    return sum(kept.values())


@pytest.fixture(params=[False, True], ids=["torch", "as installed"])
def native(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = native_available()
    use_native(request.param)
    yield request.param
    use_native(before)


def test_a_cutoff_makes_memory_linear(native: bool) -> None:
    (x, graph), (y, large) = cutoff_system(2_500), cutoff_system(10_000)
    small, big = kept_for_backward(x, graph), kept_for_backward(y, large)
    assert big / small == pytest.approx(large.num_edges / graph.num_edges, rel=0.05)
    assert large.num_edges / 10_000 == pytest.approx(20, rel=0.05)
    # 32 features in 4 layers, some ten copies of them an edge, in float32: about 5 kB.
    assert big / large.num_edges < 10_000


@pytest.mark.parametrize("native", [False], indirect=True)
def test_complete_graphs_are_quadratic(native: bool) -> None:
    """What the test above would see if something grew so."""
    x = torch.randn(160, 3)
    small = kept_for_backward(x[:80], Graph.complete(1, 80))
    big = kept_for_backward(x, Graph.complete(1, 160))
    assert big / small > 3.5

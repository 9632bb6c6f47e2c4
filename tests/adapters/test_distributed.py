"""Backbones under DistributedDataParallel: what adapters/README.md says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import eqnorm
from eqnorm import Graph

# As in the official code, whose last layer updates features that no position depends on.
LAST_FEATURES_UNUSED = {"clofnet", "egnn", "egnn_vel", "radial_field"}
OURS = sorted(name for name in eqnorm.list_models() if eqnorm.model_spec(name).source)


# Columns of weights get gradients with other strides: "not an error", says torch, once a process.
pytestmark = pytest.mark.filterwarnings("ignore:Grad strides do not match bucket view strides")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def steps(model: nn.Module, count: int = 2) -> None:
    graph = Graph.complete(2, 4)
    for _ in range(count):  # each looks whether the one before has reached all parameters
        model(torch.randn(8, 3), graph, v=torch.randn(8, 3)).x.square().sum().backward()


@pytest.mark.parametrize("name", OURS)
def test_a_loss_of_positions(name: str, group: None) -> None:
    model = eqnorm.create_model(name, layers=2, hidden=16, feature_norm="layernorm")
    unused = name in LAST_FEATURES_UNUSED
    steps(DistributedDataParallel(model, find_unused_parameters=unused))


@pytest.mark.parametrize("name", sorted(LAST_FEATURES_UNUSED))
def test_without_the_option_torch_names_it(name: str, group: None) -> None:
    # Layers of EGNN that are one operation reach all of their parameters; with this norm they are
    # several.
    model = eqnorm.create_model(name, layers=2, hidden=16, message_norm="layernorm")
    with pytest.raises(RuntimeError, match="find_unused_parameters=True"):
        steps(DistributedDataParallel(model))


@pytest.mark.parametrize("name", ["clofnet", "radial_field"])
def test_a_static_graph_does_not_help_these(name: str, group: None) -> None:
    model = eqnorm.create_model(name, layers=2, hidden=16)
    with pytest.raises(RuntimeError, match="Expected to have finished reduction in the prior"):
        steps(DistributedDataParallel(model, static_graph=True), count=3)


class Potential(nn.Module):
    """What DistributedDataParallel calls is `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.model = eqnorm.create_model("nequip", layers=2, hidden=4, energy=True)

    def forward(self, x: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        found = self.model.energy_and_forces(x, graph)  # type: ignore[operator]
        return found.energy, found.forces


def test_a_loss_of_forces(group: None) -> None:
    potential, graph = Potential(), Graph.complete(2, 4)
    model = DistributedDataParallel(potential)
    for _ in range(2):
        energy, forces = model(torch.randn(8, 3), graph)
        (energy.square().sum() + forces.square().sum()).backward()
    assert all(p.grad is not None for p in potential.parameters())

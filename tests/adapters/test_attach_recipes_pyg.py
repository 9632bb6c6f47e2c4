"""The recipes for PyTorch Geometric's networks, where it is installed."""

from __future__ import annotations

import pytest
import torch

from eqnorm_adapters import attach, recipes
from tests.adapters.recipes_case import R, importorskip, stirred
from tests.adapters.standins import system


def complete_graph(pos, batch):
    row, col = torch.nonzero((batch[:, None] == batch) & ~torch.eye(len(pos)).bool()).T
    return torch.stack([row, col]), (pos[row] - pos[col]).norm(dim=-1)


@pytest.mark.parametrize("norm", ["layernorm", "graphnorm"])
def test_pyg_schnet(norm):
    package = importorskip("torch_geometric.nn", "torch-geometric is in the extra interop")
    torch.manual_seed(0)
    net = package.SchNet(8, 8, 3, 10, interaction_graph=complete_graph)
    handle = stirred(attach(net, norm, **recipes.recipe("pyg-schnet")))
    assert list(handle.norms) == [f"interactions.{i}" for i in range(3)]
    _, x, _, batch = system()
    z = torch.randint(1, 5, (10,))
    with torch.no_grad():
        out, turned, first = net(z, x, batch), net(z, x @ R.T + 2, batch), net(z[:5], x[:5])
    torch.testing.assert_close(turned, out, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first, out[:1], atol=1e-5, rtol=1e-4)


def test_pyg_visnet():
    package = importorskip("torch_geometric.nn.models", "torch-geometric is in the extra interop")
    torch.manual_seed(0)
    net = package.ViSNet(hidden_channels=8, num_layers=2, num_heads=2, num_rbf=4, cutoff=9.0)

    def distance(pos, batch):
        index = torch.nonzero(batch[:, None] == batch).T
        vectors = pos[index[0]] - pos[index[1]]
        return index, vectors.norm(dim=-1), vectors

    net.representation_model.distance.forward = distance  # the package's needs a compiled one
    handle = stirred(attach(net, "layernorm", **recipes.recipe("pyg-visnet")))
    assert len(handle.norms) == 2
    _, x, _, batch = system()
    z = torch.randint(1, 5, (10,))
    with torch.no_grad():
        out, turned = net(z, x, batch)[0], net(z, x @ R.T + 2, batch)[0]
    torch.testing.assert_close(turned, out, atol=1e-5, rtol=1e-4)

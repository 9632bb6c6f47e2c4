"""Large arguments of activations, as squared distances in small units make them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import rows
from tests.adapters.native.egnn_case import build, error, inputs, results

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.mark.parametrize("far", [1e2, 1e4, 1e6])
def test_gradients_of_points_far_apart(far):
    model, graph = build("egnn", layers=1, edge_dim=0), Graph.complete(3, 6)
    with torch.no_grad():
        model.layers[0].coord_mlp[2].weight.mul_(1e-3)
    given = inputs(model, graph)
    given["x"] *= far
    ours, exact = results(model, graph, given, True), results(model, graph, given, False, True)
    assert error(ours[1], exact[1]) < 1e-5


@pytest.mark.parametrize("large", [1e2, 1e5, 1e9])
def test_gradients_of_networks_of_large_features(large):
    network = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 1))
    p = large * torch.rand(50, 16)
    with torch.no_grad():
        network[0].weight.abs_()  # so that nothing cancels before the activation
    ours = p.clone().requires_grad_()
    rows.two_layers(network, ours, None, False, True).sum().backward()
    exact = p.double().requires_grad_()
    network.double()(exact).sum().backward()
    assert error([ours.grad], [exact.grad]) < 1e-5

"""`egnn` and `egnn_vel` in low precision, far from the origin, and where they are placed."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from eqnorm import Graph
from tests.adapters.egnn_case import NAMES, NORMED, build, inputs, listed
from tests.fake_cuda import fake_cuda


@pytest.mark.parametrize("name", NAMES)
def test_stays_on_its_device(name):
    model = build(name, torch.float32, **NORMED)
    state = model.state_dict()
    with fake_cuda() as device:
        own = {key: torch.empty_like(value, device=device) for key, value in state.items()}
        for graph in (Graph.complete(2, 4, device), Graph.complete(None, [2, 3], device)):
            given = inputs(model, graph, torch.float32)
            given = {key: value.to(device) for key, value in given.items()}
            out = functional_call(model, own, (), {"graph": graph, **given})
            assert out.x.device == device
            assert out.x.shape == (graph.num_nodes, 3)


@pytest.mark.parametrize("options", [{}, NORMED], ids=["plain", "norms"])
@pytest.mark.parametrize("name", NAMES)
def test_autocast_keeps_positions_in_full_precision(name, options):
    model = build(name, torch.float32, **options)
    with torch.no_grad():
        for layer in model.layers:
            layer.coord_mlp[2].weight.mul_(1e-3)
            if layer.coord_mlp_vel is not None:
                layer.coord_mlp_vel[2].weight.mul_(1e-3)
                layer.coord_mlp_vel[2].bias.mul_(1e-3)
    for graph in (Graph.complete(2, 4), listed(Graph.complete(2, 4))):
        given = inputs(model, graph, torch.float32)
        exact = model(graph=graph, **given)
        with torch.autocast("cpu", torch.bfloat16):
            out = model(graph=graph, **given)
        assert out.x.dtype == torch.float32
        out.x.sum().backward()
        # Weights of the update are in half precision, positions and relative vectors are not.
        update = float((exact.x - given["x"]).norm().detach())
        assert float((out.x - exact.x).norm().detach()) < 0.05 * update


@pytest.mark.parametrize("name", NAMES)
def test_low_precision_parameters(name):
    model, graph = build(name, torch.bfloat16, **NORMED), Graph.complete(2, 4)
    out = model(graph=graph, **inputs(model, graph, torch.bfloat16))
    assert out.x.dtype == torch.bfloat16
    assert bool(out.x.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_center_far_from_the_origin(name):
    model = build(name, torch.float32, center=True, norm="scalenorm")
    graph = Graph.complete(2, 5)
    given = {key: value.float() for key, value in inputs(model, graph).items()}
    x = given.pop("x").double()
    near, far = model(x, graph, **given).x, model(x + 1e4, graph, **given).x
    assert near.dtype == torch.float64
    torch.testing.assert_close(far - 1e4, near, rtol=0, atol=1e-5)

"""Layers that someone has changed after they were built: fast paths do as modules would."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from eqnorm import Graph
from eqnorm_adapters._egnn.compiled import kept
from eqnorm_adapters._egnn.memory import Pool
from tests.adapters.native.egnn_case import build, error, inputs, results


def _without_bias(network, index):
    linear = network[index]
    network[index] = nn.Linear(linear.in_features, linear.out_features, bias=False)


def _as_buffer(linear):
    weight = linear.weight.detach()
    del linear.weight
    linear.register_buffer("weight", weight)


def _sigmoid_for_tanh(layer):
    layer.coord_mlp.append(nn.Sigmoid())


CHANGES = {
    "no bias at nodes of edges": lambda layer: _without_bias(layer.edge_mlp, 0),
    "no bias of messages": lambda layer: _without_bias(layer.edge_mlp, 2),
    "no bias of weights": lambda layer: _without_bias(layer.coord_mlp, 0),
    "a bias of weights": lambda layer: layer.coord_mlp.__setitem__(2, nn.Linear(16, 1)),
    "no network of velocities": lambda layer: setattr(layer, "coord_mlp_vel", None),
    "another factor": lambda layer: setattr(layer, "coords_weight", 3.0),
    "no residual": lambda layer: setattr(layer, "residual", False),
    "another aggregation": lambda layer: setattr(layer, "message_aggregation", "mean"),
    "tanh": lambda layer: layer.coord_mlp.append(nn.Tanh()),
    "sigmoid": _sigmoid_for_tanh,
    "one activation less": lambda layer: layer.edge_mlp.__delitem__(3),
    "a buffer among the edges' weights": lambda layer: _as_buffer(layer.edge_mlp[2]),
}


def by_modules(model):
    """A copy in which every linear map is looked at, so that it must be called."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("change", CHANGES)
def test_one_layer_changed(change, which, on, compiled):
    torch.manual_seed(0)
    model, graph = build(), Graph.complete(2, 6)
    CHANGES[change](model.layers[which])
    given = inputs(model, graph)
    ours = results(model, graph, given, on)
    exact = results(by_modules(model), graph, given, False, double=True)
    for k in range(2):
        assert error(ours[k], exact[k]) < 1e-5


@pytest.mark.parametrize("on", [True, False])
def test_other_shapes_and_dtypes_raise_as_modules_do(on, compiled):
    for change, message in (
        (lambda layer: layer.edge_mlp.__setitem__(0, nn.Linear(38, 16)), "split"),
        (lambda layer: layer.edge_mlp[2].double(), "dtype"),
        (lambda layer: layer.coord_mlp_vel.__setitem__(2, nn.Linear(16, 16)), "size of tensor"),
    ):
        model, graph = build(), Graph.complete(2, 6)
        for layer in model.layers:
            change(layer)
        with pytest.raises(RuntimeError, match=message):
            results(model, graph, inputs(model, graph), on)


@pytest.mark.parametrize("options", [{}, {"norm": "geonorm"}])
def test_a_forward_put_in_the_place_of_another_is_called(options, compiled):
    model, graph = build(**options), Graph.complete(2, 6)
    seen, places = [], []
    for layer in model.layers:
        places += [layer, layer.edge_mlp[2], layer.node_mlp, layer.coord_mlp_vel[0]]
    for place in places:

        def patched(*args, _place=place, _own=place.forward):
            seen.append(_place)
            return _own(*args)

        place.forward = patched
    results(model, graph, inputs(model, graph), True)
    assert seen.count(model.layers[0]) == seen.count(model.layers[1]) == 1
    assert set(map(id, seen)) == set(map(id, places))


@pytest.mark.parametrize("default", [torch.bfloat16, torch.float64])
def test_what_is_kept_is_float32_whatever_the_default(default, compiled, monkeypatch):
    monkeypatch.setattr(kept, "POOL", Pool(kept.MOST))
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(default)
        with torch.device("meta"):
            loan = kept.lend(32, 2)
    finally:
        torch.set_default_dtype(before)
    assert loan.block.dtype == torch.float32
    assert loan.block.device.type == "cpu"
    assert kept.POOL.held == loan.block.numel() * loan.block.element_size()


@pytest.mark.parametrize("on", [True, False])
def test_hooks_of_all_modules_see_all_modules(on, compiled):
    model, graph = build(), Graph.complete(2, 6)
    seen = set()
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.add(module))
    try:
        results(model, graph, inputs(model, graph), on)
    finally:
        handle.remove()
    # The first product of the messages is split, so that its map is never called as a whole.
    split = {part for layer in model.layers for part in (layer.edge_mlp, layer.edge_mlp[0])}
    assert seen == set(model.modules()) - split - {model.layers}

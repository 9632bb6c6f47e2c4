"""How `egnn` and `egnn_vel` behave: layouts, batches, precision, compilation, hygiene."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.func import functional_call, stack_module_state, vmap

import eqnorm
from eqnorm import Graph
from tests.fake_cuda import fake_cuda

NAMES = ["egnn", "egnn_vel"]
NORMED = {
    "norm": "geonorm",
    "update_norm": "softcap",
    "edge_norm": "enf",
    "feature_norm": "identity",
    "message_norm": "identity",
}


def build(name: str, dtype: torch.dtype = torch.float64, **options) -> nn.Module:
    """A small model with parameters that hide nothing."""
    sizes = {"hidden": 6, "layers": 2, "node_dim": 2, "edge_dim": 1}
    model = eqnorm.create_model(name, **{**sizes, **options}).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return model


def inputs(model: nn.Module, graph: Graph, dtype: torch.dtype = torch.float64):
    nodes = graph.num_nodes
    given = {"x": torch.randn(nodes, 3, dtype=dtype), "h": torch.randn(nodes, 2, dtype=dtype)}
    if eqnorm.contract_of(model).velocities:
        given["v"] = torch.randn(nodes, 3, dtype=dtype)
    given["edge_attr"] = torch.randn(graph.num_edges, 1, dtype=dtype)
    return given


def listed(graph: Graph) -> Graph:
    """The same graph as an edge list, in the same order."""
    return Graph.from_edges(graph.edge_index, graph.batch, graph.num_graphs)


def gradients(model, given, graph):
    given = {name: value.clone().requires_grad_() for name, value in given.items()}
    model.zero_grad()
    out = model(graph=graph, **given)
    (out.x.pow(2).sum() + out.h.sin().sum()).backward()
    return [out.x.detach(), out.h.detach()] + [
        value.grad for value in (*given.values(), *model.parameters())
    ]


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("options", [{}, {"attention": True, "coord_aggregation": "sqrt"}, NORMED])
@pytest.mark.parametrize("name", NAMES)
def test_both_layouts_give_the_same_values_and_gradients(name, options, size):
    model, graph = build(name, **options), Graph.complete(3, size)
    given = inputs(model, graph)
    dense, edge_list = (gradients(model, given, g) for g in (graph, listed(graph)))
    for ours, theirs in zip(dense, edge_list, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert bool(ours.isfinite().all())
            torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_a_ragged_batch_equals_its_graphs_alone(name):
    model, sizes = build(name, **NORMED), [1, 4, 2, 5]
    whole = Graph.complete(num_nodes=sizes)
    given = inputs(model, whole)
    out = model(graph=whole, **given)
    node = edge = 0
    for size in sizes:
        rows = slice(node, node + size)
        alone = {key: value[rows] for key, value in given.items()}
        edges = size * (size - 1)
        alone["edge_attr"] = given["edge_attr"][edge : edge + edges]
        single = model(graph=Graph.complete(1, size), **alone)
        torch.testing.assert_close(single.x, out.x[rows])
        torch.testing.assert_close(single.h, out.h[rows])
        node, edge = node + size, edge + edges


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_without_edges(name):
    model, graph = build(name), Graph.from_batch(torch.tensor([0, 0, 1]))
    out = model(graph=graph, **inputs(model, graph))
    assert bool(out.x.isfinite().all())
    assert bool(out.h.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_all_at_one_place_and_at_rest(name):
    for options in ({}, NORMED):
        model, graph = build(name, **options), Graph.complete(2, 3)
        given = inputs(model, graph)
        zeros = {key: torch.zeros_like(value) for key, value in given.items()}
        for value in gradients(model, zeros, graph):
            assert value is None or bool(value.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_ones_and_zeros(name):
    model, graph = build(name), Graph.complete(2, 3)
    x = torch.randn(6, 3).double()
    given = inputs(model, graph)
    spelled = {key: torch.zeros_like(value) for key, value in given.items()}
    spelled |= {"x": x, "h": torch.ones(6, 2).double()}
    assert torch.equal(model(x, graph).x, model(graph=graph, **spelled).x)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_not_written_into(name):
    model = build(name, velocity_update=True) if name == "egnn_vel" else build(name)
    for graph in (Graph.complete(2, 3), listed(Graph.complete(2, 3))):
        given = inputs(model, graph)
        before = {key: value.clone() for key, value in given.items()}
        out = model(graph=graph, **given)
        assert all(torch.equal(given[key], before[key]) for key in given)
        assert all(value._version == 0 for value in given.values())
        assert out.x.data_ptr() != given["x"].data_ptr()


@pytest.mark.parametrize(("name", "backend"), [("egnn", "eager"), ("egnn_vel", "aot_eager")])
def test_compiles_as_one_graph_for_all_sizes(name, backend):
    torch.compiler.reset()
    model = build(name, layers=1, norm_last=True, **NORMED)
    count = CompileCounterWithBackend(backend)
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)

    def check(graph):
        given = inputs(model, graph)
        expected, out = model(graph=graph, **given), compiled(graph=graph, **given)
        torch.testing.assert_close(out.x, expected.x)
        out.x.sum().backward()

    # No size equals a width of the model: the compiler would take the two for the same.
    for batch, size in ((4, 8), (5, 10), (9, 12)):
        check(Graph.complete(batch, size))
    assert count.frame_count == 1
    for sizes in ([4, 8, 7, 9], [5, 9, 4, 10, 11]):
        check(Graph.complete(num_nodes=sizes))
    assert count.frame_count == 2
    torch.compiler.reset()


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
def test_copies_pickles_and_state_dicts(name, tmp_path):
    model, graph = build(name, **NORMED), Graph.complete(2, 4)
    given = inputs(model, graph)
    expected = model(graph=graph, **given).x
    again = build(name, **NORMED)
    assert not torch.equal(again(graph=graph, **given).x, expected)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt"))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), again):
        assert torch.equal(other(graph=graph, **given).x, expected)


@pytest.mark.parametrize("name", NAMES)
def test_functional_call_and_ensembles(name):
    graph, models = Graph.complete(2, 4), [build(name), build(name)]
    given = inputs(models[0], graph)
    x, rest = given["x"], {**given, "graph": graph}
    del rest["x"]
    swapped = functional_call(models[0], dict(models[1].named_parameters()), (x,), rest)
    assert torch.equal(swapped.x, models[1](x, **rest).x)
    parameters, _ = stack_module_state(models)
    for g in (graph, listed(graph)):
        rest["graph"] = g

        def run(values, rest=rest):
            return functional_call(models[0], values, (x,), rest).x

        together = vmap(run)(parameters)
        for out, model in zip(together, models, strict=True):
            torch.testing.assert_close(out, model(x, **rest).x)


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives(name):
    """Forces are derivatives of an energy, and training on them needs a second one."""
    model = build(name, hidden=3)
    for graph in (Graph.complete(1, 3), listed(Graph.complete(1, 3))):
        given = inputs(model, graph)
        x = given.pop("x").requires_grad_()

        def run(x, graph=graph, given=given):
            return model(x, graph, **given).x

        assert torch.autograd.gradgradcheck(run, (x,), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_batches_of_inputs_by_vmap(name):
    model, graph = build(name), Graph.complete(2, 3)
    many = [inputs(model, graph) for _ in range(2)]
    for key in many[0]:
        stacked = torch.stack([given[key] for given in many])
        rest = {other: value for other, value in many[0].items() if other != key}

        def run(value, key=key, rest=rest):
            return model(graph=graph, **{key: value}, **rest).x

        for out, given in zip(vmap(run)(stacked), many, strict=True):
            torch.testing.assert_close(out, run(given[key]))


@pytest.mark.parametrize("name", NAMES)
def test_center_far_from_the_origin(name):
    model = build(name, torch.float32, center=True, norm="scalenorm")
    graph = Graph.complete(2, 5)
    given = {key: value.float() for key, value in inputs(model, graph).items()}
    x = given.pop("x").double()
    near, far = model(x, graph, **given).x, model(x + 1e4, graph, **given).x
    assert near.dtype == torch.float64
    torch.testing.assert_close(far - 1e4, near, rtol=0, atol=1e-5)


def test_velocities_come_out():
    graph = Graph.complete(2, 3)
    model = build("egnn_vel")
    given = inputs(model, graph)
    assert torch.equal(model(graph=graph, **given).v, given["v"])
    one = build("egnn_vel", layers=1, velocity_update=True)
    out = one(graph=graph, **given)
    torch.testing.assert_close(out.v, out.x - given["x"])
    assert build("egnn")(given["x"], graph).v is None

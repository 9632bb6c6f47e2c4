"""`egnn` and `egnn_vel` compiled, copied, and under the transforms of torch.func."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.func import functional_call, stack_module_state, vmap

from eqnorm import Graph
from tests.adapters.egnn_case import NAMES, NORMED, build, inputs, listed


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

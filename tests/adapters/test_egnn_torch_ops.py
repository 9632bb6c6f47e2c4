"""The layer of an EGNN in torch as an operation: what torch.compile sees, and its derivatives."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch._dynamo.utils import counters

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.in_torch import path
from eqnorm_adapters._egnn.in_torch.operations import layer_operation
from tests.adapters.egnn_case import NORMED, build, gradients, inputs, listed
from tests.adapters.test_egnn_torch import GRAPHS, OPTIONS, compare, derivatives, given_for

pytestmark = pytest.mark.usefixtures("torch_alone")


@pytest.fixture(autouse=True)
def compiled_anew():
    torch.compiler.reset()


@pytest.fixture
def as_operation(monkeypatch):
    """What is not compiled goes through the operation too; its arguments are kept."""
    seen = []

    class Operation:
        @staticmethod
        def apply(*arguments):
            *given, how = arguments
            graph, options = seen[-1]
            return layer_operation(given, graph, (*options, how.bound, how.residual))

    monkeypatch.setattr(path, "Layer", Operation)
    return seen


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_derivatives_of_the_operation(graph, options, as_operation, monkeypatch):
    g, model = GRAPHS[graph](), build("egnn_vel", **OPTIONS[options])
    layer = model.layers[0]
    how = (layer.message_aggregation, layer.coord_aggregation, layer.coords_weight)
    as_operation.append((g, how))
    given = given_for(model, g)
    found = derivatives(model, given, g), gradients_of(model, given, g)
    monkeypatch.undo()
    monkeypatch.setattr(native._library, "_wanted", False)
    compare(found[0], derivatives(model, given, g))
    compare(found[1], gradients_of(model, given, g))


def gradients_of(model, given, graph):
    """Those of the parameters alone, and then of the features of the last layer alone."""
    found = []
    for part in ("x", "h"):
        model.zero_grad()
        getattr(model(graph=graph, **given), part).sin().sum().backward()
        found += [p.grad for p in model.parameters()]
    return [g for g in found if g is not None]


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_operation_is_one_that_torch_accepts(graph, monkeypatch):
    calls = []
    for name in ("egnn_layer", "egnn_layer_backward"):
        real = getattr(torch.ops.eqnorm, name)

        def kept(*given, real=real):
            calls.append((real, given))
            return real(*given)

        monkeypatch.setattr(torch.ops.eqnorm, name, kept)
    g = GRAPHS[graph]()
    model = build("egnn_vel", layers=1)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    gradients(model, inputs(model, g), g)
    monkeypatch.undo()
    assert len(calls) == 2
    for operation, given in calls:
        plain = [t.detach() if isinstance(t, torch.Tensor) else t for t in given]
        torch.library.opcheck(operation, plain)


@pytest.mark.parametrize("graph", ["complete", "list"])
@pytest.mark.parametrize(
    "options", [{}, pytest.param(NORMED, marks=pytest.mark.slow)], ids=["plain", "norms"]
)
def test_compiled_it_is_one_graph_with_the_gradients_of_eager_mode(graph, options):
    model = build("egnn_vel", layers=1, **options)
    count = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, backend=count, fullgraph=True, dynamic=True)
    for batch, size in ((4, 8), (5, 10)):
        g = Graph.complete(batch, size)
        g = listed(g) if graph == "list" else g
        given = inputs(model, g)
        compare(gradients(compiled, given, g), gradients(model, given, g))
    # An empty one is a first attempt, which a number of Python's in the graph has ended.
    (traced,) = [found.graph for found in count.graphs if len(found.graph.nodes)]
    called = [str(node.target) for node in traced.nodes]
    assert sum("egnn_layer" in name for name in called) == 1


# torch's own derivative rules call it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("compiled", [False, True])
def test_torch_func_inside_of_what_is_compiled(compiled, monkeypatch):
    # Operations of ours have no rules for torch.func, so the modules must run.
    monkeypatch.setattr(native._library, "_wanted", compiled)
    model, g = eqnorm.create_model("egnn", hidden=16, layers=1), Graph.complete(2, 4)
    x, other = torch.randn(2, 8, 3)

    def run(x):
        return model(x, g).x

    def many(x):
        return torch.vmap(run)(torch.stack([x, other]))

    def forward_mode(x):
        return torch.func.jvp(run, (x,), (other,))[1]

    for call in (many, torch.func.grad(lambda x: run(x).square().sum())):
        torch.testing.assert_close(torch.compile(call, backend="eager")(x), call(x))
    try:
        found = torch.compile(forward_mode, backend="eager")(x)
    except RuntimeError as error:  # a bug of torch's, on which it comes in some orders of tests
        assert "please report a bug to PyTorch" in str(error)  # noqa: PT017
    else:  # with an operation it would be zeros
        torch.testing.assert_close(found, forward_mode(x))


@pytest.mark.slow
@pytest.mark.parametrize("on", [False, True])
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # inductor's own
def test_inductor_compiles_once_for_all_sizes(on, monkeypatch):
    monkeypatch.setattr(native._library, "_wanted", on)
    model = eqnorm.create_model("egnn_vel", hidden=16, layers=1, edge_dim=2)
    compiled = torch.compile(model, fullgraph=True, dynamic=True)
    counters.clear()
    for batch, size in ((20, 11), (5, 7), (4, 50), (1400, 3)):  # up to 9800 edges, 4200 nodes
        g = Graph.complete(batch, size)
        given = {"v": torch.randn(g.num_nodes, 3), "edge_attr": torch.randn(g.num_edges, 2)}
        compiled(torch.randn(g.num_nodes, 3), g, **given).x.sum().backward()
    assert counters["stats"]["unique_graphs"] == 1

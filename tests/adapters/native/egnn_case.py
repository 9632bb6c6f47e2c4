"""EGNNs and inputs for the tests of the compiled path, and what torch alone makes of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from eqnorm.testing import assert_equivariant
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled import calls, edge_calls, in_one, in_one_operation, path

OPTIONS = {
    "plain": {},
    "attention, tanh": {"attention": True, "tanh": True, "edge_dim": 0, "coords_weight": 0.5},
    "a norm": {"norm": "geonorm", "edge_dim": 0},
    "norms": {
        "norm": "geonorm",
        "update_norm": "softcap",
        "feature_norm": "layernorm",
        "message_norm": "layernorm",
        "message_aggregation": "mean",
        "coord_aggregation": "sqrt",
        "edge_dim": 5,
    },
}


def build(name: str = "egnn_vel", hidden: int = 16, **options) -> nn.Module:
    """A float32 model whose parameters hide nothing."""
    sizes = {"hidden": hidden, "layers": 2, "node_dim": 2, "edge_dim": 2}
    model = eqnorm.create_model(name, **{**sizes, **options})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * hidden**-0.5 * torch.randn_like(parameter))
    return model


def inputs(model: nn.Module, graph: Graph) -> dict[str, Tensor]:
    nodes = graph.num_nodes
    given = {"x": torch.randn(nodes, 3), "h": torch.randn(nodes, 2)}
    if eqnorm.contract_of(model).velocities:
        given["v"] = torch.randn(nodes, 3)
    if model.edge_dim:
        given["edge_attr"] = torch.randn(graph.num_edges, model.edge_dim)
    return given


def shuffled(graph: Graph) -> Graph:
    order = torch.randperm(graph.num_edges)
    return Graph.from_edges(graph.edge_index[:, order], graph.batch, graph.num_graphs)


def in_rows(graph: Graph) -> Graph:
    """Its senders and receivers are columns of one tensor."""
    pairs = torch.stack(list(graph.edge_index), 1)
    return Graph.from_edges(pairs.t(), graph.batch, graph.num_graphs)


def periodic() -> Graph:
    x = torch.rand(9, 3) * 4
    return Graph.radius(x, 2.5, box=4.0 * torch.eye(3))


GRAPHS = {
    "complete": lambda: Graph.complete(3, 6),
    "pairs": lambda: Graph.complete(30, 2),
    "alone": lambda: Graph.complete(2, 1),
    "ragged": lambda: Graph.complete(num_nodes=[1, 12, 3, 9]),
    "in no order": lambda: shuffled(Graph.complete(2, 9)),
    "edges in rows": lambda: in_rows(Graph.complete(2, 9)),
    "nodes without edges": lambda: Graph.from_edges(torch.tensor([[3, 0], [0, 3]]), num_nodes=5),
    "periodic": periodic,
}


def results(model: nn.Module, graph: Graph, given: dict[str, Tensor], on: bool, double=False):
    """Outputs and all gradients, by the compiled path or by torch in float32 or float64."""
    native.use_native(on)
    if double:
        model = copy.deepcopy(model).double()
        given = {name: value.double() for name, value in given.items()}
    given = {name: value.clone().requires_grad_() for name, value in given.items()}
    model.zero_grad()
    out = model(graph=graph, **given)
    (out.x.square().sum() + out.h.sin().sum()).backward()
    grads = [*(v.grad for v in given.values()), *(p.grad for p in model.parameters())]
    native.use_native(True)
    return [out.x.detach(), out.h.detach()], [g for g in grads if g is not None]


def error(ours: list[Tensor], exact: list[Tensor]) -> float:
    """Of all numbers together: single gradients may be near zero."""
    assert [t.shape for t in ours] == [t.shape for t in exact]
    flat = torch.cat([t.flatten().double() for t in ours])
    whole = torch.cat([t.flatten().double() for t in exact])
    return float((flat - whole).norm() / whole.norm().clamp(min=1e-300))  # 0 where all are zero


class Calls:
    """Counts the calls of the kernel, once for each layer."""

    def __init__(self, monkeypatch) -> None:
        self.count = 0
        for module in (edge_calls, in_one, in_one_operation):
            monkeypatch.setattr(module, "forward", self._counted(module.forward))

    def _counted(self, forward):
        def counted(*arguments):
            whole = forward is calls.forward
            self.count += len(arguments[0]) // calls.PARAMETERS if whole else 1
            return forward(*arguments)

        return counted


def assert_kernel_equivariant(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """A velocity-EGNN of two features that is E(3)-equivariant, and does use the kernel."""
    calls = Calls(monkeypatch)

    def run(pos, vel, feature, graph):
        return model(pos, graph, v=vel, h=torch.cat([feature, feature], -1)).x

    assert_equivariant(
        run,
        inputs={"pos": "points", "vel": "1o", "feature": "0e", "graph": "graph"},
        output="points",
        group="E3",
        permutation=True,
        max_examples=8,
    )
    assert calls.count > 0


def problem_of(graph: str, hidden: int = 16, **options: Any) -> Any:
    """What the kernel of edges is given for the first layer of an EGNN."""
    model, g = build("egnn", hidden, **options), GRAPHS[graph]()
    given = inputs(model, g)
    h = torch.randn(g.num_nodes, hidden)
    return path.problem(model.layers[0], h, given["x"], g, given.get("edge_attr"))

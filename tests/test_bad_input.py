"""Every wrong input gets an error that says what is wrong and how to put it right."""

from __future__ import annotations

import re

import pytest
import torch

import eqnorm
from eqnorm import Graph

EDGES = torch.tensor([[0, 1], [1, 2]])


def run(model: str = "egnn_vel", **changes):
    """A model on a good input, but for the changes."""
    options = {"layers": 1, "hidden": 4, "node_dim": 1, "edge_dim": 2, **changes.pop("options", {})}
    graph = Graph.complete(2, 3)
    inputs = {
        "x": torch.randn(6, 3),
        "graph": graph,
        "h": torch.randn(6, 1),
        "v": torch.randn(6, 3),
        "edge_attr": torch.randn(graph.num_edges, 2),
        **changes,
    }
    return eqnorm.create_model(model, **options)(**inputs)


def norm(name: str = "geonorm", x=None, **inputs):
    x = torch.randn(6, 3) if x is None else x
    return eqnorm.create_norm(name, on="points")(x, **inputs)


def with_nan() -> torch.Tensor:
    x = torch.randn(6, 3)
    x[4, 1] = float("nan")
    return x


CASES = {
    "unknown norm": (
        lambda: eqnorm.create_norm("geonrm", on="points"),
        ValueError,
        "unknown norm 'geonrm'; did you mean 'geonorm'",
    ),
    "unknown norm lists the choices": (
        lambda: eqnorm.create_norm("zzz", on="points"),
        ValueError,
        "unknown norm 'zzz'; choose from",
    ),
    "unknown model": (
        lambda: eqnorm.create_model("egn"),
        ValueError,
        "unknown model 'egn'; did you mean 'egnn'",
    ),
    "unknown option of a norm": (
        lambda: eqnorm.create_norm("geonorm", on="points", gian=2.0),
        TypeError,
        "norm 'geonorm' has no option 'gian'; it takes eps, faithful, per_particle",
    ),
    "unknown option of a model": (
        lambda: eqnorm.create_model("egnn", depth=3),
        TypeError,
        "model 'egnn' has no option 'depth'; it takes",
    ),
    "unknown option in a slot": (
        lambda: eqnorm.create_model("egnn", norm=("geonorm", {"gian": 2.0})),
        TypeError,
        "norm 'geonorm' has no option 'gian'",
    ),
    "norm for another type": (
        lambda: eqnorm.create_norm("geofilm", on="8x0e"),
        ValueError,
        "norm 'geofilm' serves 'points', not '8x0e'; norms for '8x0e': batchnorm",
    ),
    "norm in a slot it does not serve": (
        lambda: eqnorm.create_model("egnn", feature_norm="geofilm"),
        ValueError,
        "feature_norm: norm 'geofilm' serves 'points', not '64x0e'",
    ),
    "norm in a slot without what it needs": (
        lambda: eqnorm.create_model("egnn", edge_norm="softcap"),
        ValueError,
        "edge_norm='softcap' needs x0, which this slot does not have",
    ),
    "type that is none": (
        lambda: eqnorm.create_norm("geonorm", on="vectors"),
        ValueError,
        "on='vectors' is neither 'points' nor irreps",
    ),
    "norm of another kind": (
        lambda: eqnorm.create_norm(3, on="points"),
        TypeError,
        "a norm must be a name, a (name, options) pair, a mapping with 'name', a class",
    ),
    "mapping without a name": (
        lambda: eqnorm.create_norm({"eps": 1}, on="points"),
        TypeError,
        "a norm given as a mapping needs the key 'name'",
    ),
    "options beside an instance": (
        lambda: eqnorm.create_norm(torch.nn.Identity(), on="points", eps=1.0),
        TypeError,
        "options eps were given with a ready-made norm",
    ),
    "scope that is none": (
        lambda: eqnorm.register_norm("n", on="points", equivariant_to="E3", scope="edge"),
        ValueError,
        "scope must be 'node', 'graph' or 'batch', got 'edge'",
    ),
    "need that is none": (
        lambda: eqnorm.register_norm("n", on="points", equivariant_to="E3", needs=("mass",)),
        ValueError,
        "needs and optional take x0, v, h; got 'mass'",
    ),
    "norm without what it needs": (
        lambda: norm("geonorm"),
        ValueError,
        "GeoNorm needs x0: call it as norm(x, graph, x0=...)",
    ),
    "norm, shape of x": (
        lambda: norm("scalenorm", torch.randn(6, 4)),
        ValueError,
        "x must have shape (N, 3) for PointScaleNorm, got (6, 4)",
    ),
    "norm, rows of x0": (
        lambda: norm("geonorm", x0=torch.randn(5, 3)),
        ValueError,
        "x0 has 5 rows but x has 6; give one per node",
    ),
    "norm, dtype of x0": (
        lambda: norm("geonorm", x0=torch.randn(6, 3).double()),
        ValueError,
        "x0 is torch.float64 on cpu but x is torch.float32 on cpu; use x0.to(x)",
    ),
    "norm, integers": (
        lambda: norm("scalenorm", torch.ones(6, 3, dtype=torch.int64)),
        ValueError,
        "x must be floating point, got torch.int64; use .float()",
    ),
    "norm, device": (
        lambda: norm("geonorm", x0=torch.randn(6, 3, device="meta")),
        ValueError,
        "x0 is torch.float32 on meta but x is torch.float32 on cpu",
    ),
    "norm, batch of the wrong length": (
        lambda: norm("scalenorm", graph=torch.zeros(5, dtype=torch.int64)),
        ValueError,
        "batch has 5 entries but the input has 6 nodes; give one graph index per node",
    ),
    "norm, graph of another kind": (
        lambda: norm("scalenorm", graph=[0, 0, 1]),
        TypeError,
        "graph must be an eqnorm.Graph, a batch vector (LongTensor of shape (N,)) or None",
    ),
    "norm, no nodes": (
        lambda: norm("scalenorm", torch.randn(0, 3)),
        ValueError,
        "the input has no nodes; a graph needs at least one",
    ),
    "norm, per-particle parameters of another size": (
        lambda: eqnorm.create_norm("scalenorm", on="points", per_particle=4)(torch.randn(6, 3)),
        ValueError,
        "this norm has parameters for systems of 4 particles (per_particle=4), but the batch "
        "holds 6 nodes in 1 graphs",
    ),
    "norm, eps": (
        lambda: eqnorm.create_norm("geonorm", on="points", eps=0.0),
        ValueError,
        "eps must be positive",
    ),
    "norm, choice": (
        lambda: eqnorm.create_norm("scalenorm", on="points", norm="l1"),
        ValueError,
        "norm must be 'l2' or 'rms', got 'l1'",
    ),
    "model, shape of x": (
        lambda: run(x=torch.randn(6, 2)),
        ValueError,
        "x must be a tensor of shape (N, 3), got (6, 2)",
    ),
    "model, shape of h": (
        lambda: run(h=torch.randn(6, 7)),
        ValueError,
        "h must have shape (6, 1), one row per node, got (6, 7); h is set by the model's node_dim",
    ),
    "model, rows of edge_attr": (
        lambda: run(edge_attr=torch.randn(5, 2)),
        ValueError,
        "edge_attr must have shape (12, 2), one row per edge, got (5, 2)",
    ),
    "model, dtype": (
        lambda: run(x=torch.randn(6, 3).double()),
        ValueError,
        "x is torch.float64 but the model's parameters are torch.float32; use x.to(torch.float32)",
    ),
    "model, device": (
        lambda: run(v=torch.randn(6, 3, device="meta")),
        ValueError,
        "v is on meta but the model's parameters are on cpu",
    ),
    "model, graph of another size": (
        lambda: run(graph=Graph.complete(1, 5)),
        ValueError,
        "graph is over 5 nodes but the input has 6",
    ),
    "model, graph on another device": (
        lambda: run(graph=Graph.complete(2, 3).to("meta")),
        ValueError,
        "graph is on meta but the input is on cpu; use graph.to('cpu')",
    ),
    "model, NaN": (
        lambda: run(x=with_nan()),
        ValueError,
        "x holds NaN or Inf, first in row 4; clean the data before the model sees it",
    ),
    "model, Inf in edges": (
        lambda: run(edge_attr=torch.full((12, 2), float("inf"))),
        ValueError,
        "edge_attr holds NaN or Inf, first in row 0",
    ),
    "model, node_dim": (
        lambda: run(options={"node_dim": 0}),
        ValueError,
        "node_dim must be at least 1, got 0",
    ),
    "graph, edge out of range": (
        lambda: Graph.from_edges(torch.tensor([[0, 9], [1, 0]]), torch.zeros(3, dtype=torch.int64)),
        ValueError,
        "edge_index must lie in 0..2 (3 nodes), got values from 0 to 9",
    ),
    "graph, negative edge": (
        lambda: Graph.from_edges(torch.tensor([[0, -1], [1, 0]])),
        ValueError,
        "edge_index must lie in 0..1 (2 nodes), got values from -1 to 1",
    ),
    "graph, edge between graphs": (
        lambda: Graph.from_edges(EDGES, torch.tensor([0, 0, 1])),
        ValueError,
        "edge_index joins nodes of different graphs",
    ),
    "graph, transposed edges": (
        lambda: Graph.from_edges(torch.zeros(5, 2, dtype=torch.int64)),
        ValueError,
        "edge_index must have shape (2, E), got (5, 2); transpose it if it is (E, 2)",
    ),
    "graph, dtype of edges": (
        lambda: Graph.from_edges(EDGES.int()),
        ValueError,
        "edge_index must be int64 (LongTensor), got torch.int32; use .long()",
    ),
    "graph, device of the batch": (
        lambda: Graph.from_edges(
            EDGES, torch.zeros(3, dtype=torch.int64, device="meta"), 1, validate=False
        ),
        ValueError,
        "batch is on meta but edge_index is on cpu; move both to one device",
    ),
    "graph, batch and num_nodes": (
        lambda: Graph.from_edges(EDGES, torch.zeros(3, dtype=torch.int64), num_nodes=4),
        ValueError,
        "batch has 3 entries but num_nodes is 4",
    ),
    "graph, batch beyond num_graphs": (
        lambda: Graph.from_batch(torch.tensor([0, 2]), num_graphs=2),
        ValueError,
        "batch must lie in 0..1 (2 graphs), got values from 0 to 2",
    ),
    "graph, empty": (
        lambda: Graph.complete(1, 0),
        ValueError,
        "every graph needs at least one node and there must be at least one graph",
    ),
    "graph, empty batch": (
        lambda: Graph.from_batch(torch.zeros(0, dtype=torch.int64)),
        ValueError,
        "batch is empty; a graph needs at least one node",
    ),
    "graph, no nodes": (
        lambda: Graph.from_edges(torch.zeros(2, 0, dtype=torch.int64)),
        ValueError,
        "the input has no nodes",
    ),
    "graph, sizes": (
        lambda: Graph.complete(3, [2, 2]),
        ValueError,
        "num_graphs is 3 but num_nodes lists 2 sizes",
    ),
    "graph, number of graphs": (
        lambda: Graph.complete(num_nodes=4),
        ValueError,
        "num_graphs is needed when num_nodes is a single number",
    ),
    "graph, ptr": (
        lambda: Graph.from_ptr(torch.tensor([0, 3, 2])),
        ValueError,
        "ptr must start at 0, never decrease and end at the number of nodes",
    ),
    "graph, mask": (
        lambda: Graph.from_mask(torch.tensor([[True], [False]])),
        ValueError,
        "mask has a graph without real nodes",
    ),
    "graph, flow": (
        lambda: Graph.from_edges(EDGES, flow="backwards"),
        ValueError,
        "flow must be 'source_to_target' or 'target_to_source', got 'backwards'",
    ),
    "graph, cutoff": (
        lambda: Graph.radius(torch.randn(4, 3), 0.0),
        ValueError,
        "cutoff must be positive, in the unit of x, got 0.0",
    ),
    "graph, NaN": (
        lambda: Graph.radius(with_nan(), 1.0),
        ValueError,
        "x holds NaN or Inf; clean the positions before looking for neighbours",
    ),
    "graph, aggregation": (
        lambda: Graph.complete(1, 2).aggregate(torch.ones(2, 1), "max"),
        ValueError,
        "how must be 'sum', 'mean' or 'sqrt', got 'max'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_says_what_is_wrong_and_how_to_put_it_right(case):
    call, error, text = CASES[case]
    with pytest.raises(error, match=re.escape(text)):
        call()

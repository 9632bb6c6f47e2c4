"""Graphs that are none: the error says what is wrong and how to put it right."""

from __future__ import annotations

import pytest
import torch

from eqnorm import Graph
from tests.bad_input_case import Case, check, with_nan

EDGES = torch.tensor([[0, 1], [1, 2]])
CASES: dict[str, Case] = {
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
    check(CASES[case])

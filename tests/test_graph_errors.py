"""What is no tensor, or contradicts itself, is named where graphs are built."""

from __future__ import annotations

import re

import pytest
import torch

import eqnorm
from eqnorm import Graph

X = torch.rand(4, 3)
EDGES = torch.tensor([[0, 1], [1, 0]])
CASES = {
    "x": (
        lambda: Graph.radius([[0.0, 0.0, 0.0]], 1.0),
        ValueError,
        "x must have shape (N, 3), got list, which is no tensor",
    ),
    "text for a cutoff": (
        lambda: Graph.radius(X, "1"),
        TypeError,
        "cutoff must be a number, in the unit of x, got str",
    ),
    "no cutoff": (lambda: Graph.radius(X, None), TypeError, "got NoneType"),
    "two cutoffs": (lambda: Graph.radius(X, torch.ones(2)), TypeError, "got Tensor"),
    "batch as a list": (
        lambda: Graph.radius(X, 1.0, [0, 0, 0, 0]),
        ValueError,
        "batch must have shape (N,), got list, which is no tensor",
    ),
    "a graph as batch": (
        lambda: Graph.from_batch(Graph.complete(1, 4)),
        ValueError,
        "batch must have shape (N,), got Graph, which is no tensor",
    ),
    "graphs without batch": (
        lambda: Graph.radius(X, 1.0, num_graphs=3),
        ValueError,
        "num_graphs is 3 but without batch all nodes are one graph; give batch",
    ),
    "graphs of edges without batch": (
        lambda: Graph.from_edges(EDGES, num_graphs=2),
        ValueError,
        "num_graphs is 2 but without batch all nodes are one graph; give batch",
    ),
    "edges": (
        lambda: Graph.from_edges([[0, 1], [1, 0]]),
        ValueError,
        "edge_index must have shape (2, E), got list, which is no tensor",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_says_what_is_wrong(case):
    call, error, text = CASES[case]
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_one_graph_may_be_counted_and_any_number_is_a_cutoff():
    pytest.importorskip("vesin")
    assert Graph.from_edges(EDGES, num_graphs=1).num_graphs == 1
    for cutoff in (2, 2.0, torch.tensor(2.0), torch.tensor(2.0).numpy()):
        assert Graph.radius(X, cutoff, num_graphs=1).num_edges == 12


def test_integers_are_to_be_cast_and_not_the_model():
    model = eqnorm.create_model("egnn", layers=1, hidden=4)
    with pytest.raises(ValueError, match=r"use h.to\(torch.float32\)$"):
        model(X, Graph.complete(1, 4), h=torch.ones(4, 1, dtype=torch.int64))

"""Wrong input to a backbone: the error says what is wrong and how to put it right."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.bad_input_case import Case, check, with_nan


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


CASES: dict[str, Case] = {
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
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_says_what_is_wrong_and_how_to_put_it_right(case):
    check(CASES[case])


def test_large_numbers_are_not_taken_for_infinite_ones():
    with torch.no_grad():
        run(v=torch.full((6, 3), 3e38))  # whose sum overflows


def test_infinities_whose_sum_is_not_one_are_found():
    edges = torch.zeros(12, 2)
    edges[3, 0], edges[5, 1] = float("inf"), -float("inf")
    with pytest.raises(ValueError, match="edge_attr holds NaN or Inf, first in row 3"):
        run(edge_attr=edges)

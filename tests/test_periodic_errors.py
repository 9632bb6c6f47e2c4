"""What is wrong with a box, shifts or a cutoff is said, with what to do about it."""

from __future__ import annotations

import pytest
import torch

from eqnorm import Graph

pytest.importorskip("vesin")

X = torch.rand(4, 3)
EDGES = torch.tensor([[0, 1], [1, 0]])
BAD = {
    "no volume": (
        lambda: Graph.radius(X, 1.0, box=torch.ones(3, 3)),
        "box has no volume: the lattice vectors (rows) [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, "
        "1.0, 1.0]] lie in a plane",
    ),
    "zero": (lambda: Graph.radius(X, 1.0, box=torch.zeros(3, 3)), "box has no volume"),
    "length": (
        lambda: Graph.radius(X, 1.0, box=torch.tensor([1.0, -2.0, 1.0])),
        "box lengths must be positive, in the unit of x, got [1.0, -2.0, 1.0]",
    ),
    "shape": (
        lambda: Graph.radius(X, 1.0, box=torch.ones(2, 3, 3)),
        "box must be one cell (3, 3) or 1 of them, or lengths (3,) or (1, 3), for 1 graph, got "
        "shape (2, 3, 3)",
    ),
    "six numbers": (lambda: Graph.radius(X, 1.0, box=torch.ones(6)), "got shape (6,)"),
    "a number": (lambda: Graph.radius(X, 1.0, box=torch.tensor(1.0)), "got shape ()"),
    "a list": (
        lambda: Graph.radius(X, 1.0, box=[1.0, 1.0, 1.0]),
        "got list; use torch.as_tensor(box)",
    ),
    "integers": (
        lambda: Graph.radius(X, 1.0, box=torch.ones(3, dtype=torch.int64)),
        "box must be floating point, got torch.int64; use box.double()",
    ),
    "nan": (
        lambda: Graph.radius(X, 1.0, box=torch.tensor([1.0, 1.0, float("nan")])),
        "box holds NaN or Inf",
    ),
    "nan in x": (
        lambda: Graph.radius(X * float("nan"), 1.0, box=torch.ones(3)),
        "x holds NaN or Inf",
    ),
    "cutoff": (
        lambda: Graph.radius(X, -1.0, box=torch.ones(3)),
        "cutoff must be positive, in the unit of x, got -1.0",
    ),
    "cutoff nan": (lambda: Graph.radius(X, float("nan"), box=torch.ones(3)), "got nan"),
    "infinite cutoff": (lambda: Graph.radius(X, float("inf"), box=torch.ones(3)), "got inf"),
    "device": (
        lambda: Graph.radius(X, 1.0, box=torch.ones(3, device="meta")),
        "box is on meta but the nodes are on cpu",
    ),
    "batch": (
        lambda: Graph.radius(X, 1.0, torch.zeros(3, dtype=torch.int64)),
        "batch has 3 entries but x has 4 rows",
    ),
    "box alone": (
        lambda: Graph.from_edges(EDGES, box=torch.ones(3)),
        "box needs shifts: give both, or let Graph.radius(x, cutoff, box=...) find them",
    ),
    "shifts alone": (
        lambda: Graph.from_edges(EDGES, shifts=torch.zeros(2, 3)),
        "shifts needs box: give both",
    ),
    "rows of shifts": (
        lambda: Graph.from_edges(EDGES, shifts=torch.zeros(3, 3), box=torch.ones(3)),
        "shifts must have shape (2, 3), one row per edge, got (3, 3)",
    ),
    "no lattice vector": (
        lambda: Graph.from_edges(EDGES, shifts=torch.eye(2, 3), box=torch.full((3,), 2.0)),
        "shifts must be sums of lattice vectors (rows of box), but row 0 is [0.5, 0.0, 0.0]",
    ),
    "nan in shifts": (
        lambda: Graph.from_edges(EDGES, shifts=torch.eye(2, 3) * float("nan"), box=torch.ones(3)),
        "shifts must be sums of lattice vectors",
    ),
    "dtype of shifts": (
        lambda: Graph.from_edges(EDGES, shifts=torch.eye(2, 3) > 0, box=torch.ones(3)),
        "shifts must be floating point or integers, got torch.bool",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_the_error_says_what_is_wrong(case):
    wrong, text = BAD[case]
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is looked at below
        wrong()
    assert text in str(error.value)

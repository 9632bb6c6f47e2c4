"""Wrong input to a norm: the error says what is wrong and how to put it right."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from tests.bad_input_case import Case, check


def norm(name: str = "geonorm", x=None, **inputs):
    x = torch.randn(6, 3) if x is None else x
    return eqnorm.create_norm(name, on="points")(x, **inputs)


CASES: dict[str, Case] = {
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
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_says_what_is_wrong_and_how_to_put_it_right(case):
    check(CASES[case])

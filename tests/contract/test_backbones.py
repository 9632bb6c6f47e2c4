"""What every registered backbone can do, whatever it is: one tester for all of them.

Symmetry is not looked at here; `test_contracts` and `test_pairs` do that. Adding a backbone needs
no edit: names and options are read off the registry. Each check is a function of a way to build
a model, so that `test_backbones_controls` can show that it fails on a model made for it.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.contract.backbone_case import (
    BARE_AND_NORMED,
    SIZES,
    Build,
    builder,
    close,
    every,
    inputs,
)

# --- numbers ----------------------------------------------------------------------------------


def check_finite(build: Build, dtype: torch.dtype, **options: Any) -> None:
    """Values, and gradients of inputs and parameters, in the dtype of the model."""
    graph = Graph.complete(num_nodes=SIZES)
    for degenerate in (False, True):
        model = build(**options).to(dtype)
        given = inputs(graph, dtype)
        if degenerate:  # all nodes in one place, at rest
            given = {**given, "x": given["x"] * 0, "v": given["v"] * 0}
        leaves = {key: value.requires_grad_() for key, value in given.items()}
        out = model(graph=graph, **leaves)
        assert out.x.dtype == dtype
        assert out.h.dtype == dtype
        (out.x.square().sum() + out.h.square().sum()).backward()
        tensors = [out.x, out.h, *(leaf.grad for leaf in leaves.values())]
        for tensor in (*tensors, *(p.grad for p in model.parameters())):
            assert tensor is None or tensor.isfinite().all()
        if not degenerate:
            assert all(p.grad is not None for p in model.parameters() if p.numel())


@every
@BARE_AND_NORMED
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite(
    name: str, norms: dict[str, str], dtype: torch.dtype
) -> None:
    check_finite(builder(name), dtype, **norms)


def check_autocast(build: Build, **options: Any) -> None:
    """Under bfloat16 autocast: finite, and as near to float32 as bfloat16 is.

    The scale of the error is that of the network's own answer to noise of bfloat16's size on its
    parameters, in float32.
    """
    unit = torch.finfo(torch.bfloat16).eps
    graph, model = Graph.complete(2, 5), build(**options)
    given = inputs(graph, torch.float32)
    exact = model(graph=graph, **given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(graph=graph, **given)
        loss = out.x.float().square().sum() + out.h.float().square().sum()
    loss.backward()
    assert out.x.dtype == torch.float32
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    noisy = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in noisy.parameters():
            parameter.mul_(1 + unit * torch.randn_like(parameter))
    shaken = noisy(graph=graph, **given)
    for found, wanted, moved in zip(out[:2], exact[:2], shaken[:2], strict=True):
        answer = (moved - wanted).norm() + unit * wanted.norm()
        assert (found.float() - wanted).norm() <= 16 * answer


@every
@BARE_AND_NORMED
def test_bfloat16_autocast(name: str, norms: dict[str, str]) -> None:
    check_autocast(builder(name), message_aggregation="mean", **norms)


# --- graphs -----------------------------------------------------------------------------------


def check_batch(build: Build, **options: Any) -> None:
    """A batch of graphs of different sizes gives what they give one by one."""
    whole, model = Graph.complete(num_nodes=SIZES), build(**options).double()
    given, edges = inputs(whole), [n * (n - 1) for n in SIZES]
    out = model(graph=whole, **given)
    for index, n in enumerate(SIZES):
        parts = {
            key: value.split(edges if key == "edge_attr" else list(SIZES))[index]
            for key, value in given.items()
        }
        single = model(graph=Graph.complete(1, n), **parts)
        close(out.x.split(SIZES)[index], single.x, 1e-11)
        close(out.h.split(SIZES)[index], single.h, 1e-11)


@every
@BARE_AND_NORMED
def test_a_batch_of_any_sizes_gives_what_single_graphs_give(
    name: str, norms: dict[str, str]
) -> None:
    check_batch(builder(name), **norms)


def check_edge_list(build: Build, **options: Any) -> None:
    """The same edges in any order give what the complete graph gives, gradients included."""
    dense, model = Graph.complete(2, 5), build(**options).double()
    given, order = inputs(dense), torch.randperm(dense.num_edges)
    listed = Graph.from_edges(dense.edge_index[:, order], dense.batch, 2)
    results = []
    for graph, edge_attr in ((dense, given["edge_attr"]), (listed, given["edge_attr"][order])):
        x = given["x"].clone().requires_grad_()
        out = model(x, graph, given["h"], given["v"], edge_attr)
        (slope,) = torch.autograd.grad(out.x.sin().sum() + out.h.sin().sum(), x)
        results.append((out.x, out.h, slope))
    for one, other in zip(*results, strict=True):
        close(other, one, 1e-10)


@every
@BARE_AND_NORMED
def test_an_edge_list_gives_what_the_complete_graph_gives(name: str, norms: dict[str, str]) -> None:
    check_edge_list(builder(name), **norms)


def check_cutoff(build: Build, **options: Any) -> None:
    """Edges beyond the cutoff are as good as absent."""
    # One layer: after a step other edges may be near.
    graph, model = Graph.complete(2, 6), build(cutoff=1.8, layers=1, **options).double()
    torch.manual_seed(0)
    given = inputs(graph)
    near = graph.relative(given["x"]).norm(dim=-1) < 1.8
    assert 0.2 < near.double().mean() < 0.8
    short = Graph.from_edges(graph.edge_index[:, near], graph.batch, 2)
    out = model(graph=graph, **given)
    found = model(graph=short, **{**given, "edge_attr": given["edge_attr"][near]})
    close(found.x, out.x, 1e-10)
    close(found.h, out.h, 1e-10)


WITH_CUTOFF = [n for n in eqnorm.list_models() if "cutoff" in eqnorm.model_spec(n).options]


@pytest.mark.parametrize("name", WITH_CUTOFF)
def test_edges_beyond_the_cutoff_are_as_good_as_absent(name: str) -> None:
    # Not "mean": it counts the edges that there are.
    how = {"message_aggregation": "sum", "coord_aggregation": "sum", "feature_norm": "rmsnorm"}
    check_cutoff(builder(name), **how)


@every
@pytest.mark.parametrize("graph", [None, torch.zeros(4, dtype=torch.int64)], ids=["none", "batch"])
def test_what_has_no_edges_is_no_graph_for_a_model(name: str, graph: Any) -> None:
    """Norms take both; nodes of a model would not see one another."""
    with pytest.raises(TypeError, match=r"graph must be an eqnorm\.Graph with its edges"):
        builder(name)()(torch.randn(4, 3), graph)

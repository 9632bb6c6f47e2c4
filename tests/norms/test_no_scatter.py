"""On graphs of one size laid out one after the other, norms reduce by reshaping: no scatter.

Looked at from outside, by torch's profiler, so that the paths that run are those of users.
"""

from __future__ import annotations

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import eqnorm
from eqnorm import Graph
from eqnorm.functional.irreps import compiled_available, use_compiled
from tests.contract.norm_cases import NormCase, call, once_each

GRAPHS, NODES = 7, 5
ROWS = GRAPHS * NODES
SCATTERS = ("scatter", "index_add", "index_put", "index_reduce", "segment_reduce", "bincount")


def scatters(case: NormCase, graph: Graph) -> list[str]:
    """Operations that scatter rows, in forward and backward; those on parameters do not count."""
    norm = case.build()
    inputs = case.inputs(graph.num_nodes, dtype=torch.float32)
    leaves = {name: value.requires_grad_() for name, value in inputs.items()}
    for _ in range(2):  # what is made once, at the first call, does not count
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
            call(norm, graph, leaves).square().sum().backward()
    return sorted(
        {
            event.name
            for event in seen.events()
            if any(name in event.name for name in SCATTERS)
            and event.input_shapes
            and event.input_shapes[0]
            and event.input_shapes[0][0] in (GRAPHS, ROWS)
        }
    )


@pytest.mark.parametrize("case", once_each(), ids=str)
def test_no_scatter_on_the_dense_path(case: NormCase) -> None:
    assert not scatters(case, Graph.complete(GRAPHS, NODES))


@pytest.mark.parametrize("name", ["geonorm", "midi"])
def test_it_sees_the_scatter_of_graphs_of_many_sizes(name: str) -> None:
    sizes = [NODES] * (GRAPHS - 2) + [NODES - 1, NODES + 1]
    case = NormCase(name, "points")
    assert eqnorm.norm_spec(name, on="points").scope == "graph"
    before = compiled_available()
    use_compiled(False)  # the compiled loops never scatter
    try:
        assert scatters(case, Graph.complete(num_nodes=sizes))
    finally:
        use_compiled(before)

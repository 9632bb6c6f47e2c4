from __future__ import annotations

import pytest
import torch
import torch._dynamo.testing
from hypothesis import given
from hypothesis import strategies as st

from eqnorm import Graph
from tests.fake_cuda import fake_cuda

SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def loop_edges(sizes: list[int]) -> list[tuple[int, int]]:
    """(sender, receiver) graph by graph, by receiver, then by sender."""
    edges, start = [], 0
    for size in sizes:
        for i in range(size):
            edges += [(start + j, start + i) for j in range(size) if j != i]
        start += size
    return edges


@given(SIZES)
def test_complete_has_the_documented_edge_order(sizes):
    graph = Graph.complete(num_nodes=sizes)
    assert graph.edge_index.T.tolist() == [list(edge) for edge in loop_edges(sizes)]
    assert graph.num_edges == len(loop_edges(sizes))
    assert graph.degrees.tolist() == [size - 1 for size in sizes for _ in range(size)]
    assert graph.uniform == (len(set(sizes)) == 1)


def graphs_of(sizes: list[int]) -> dict[str, Graph]:
    """The same graphs, built in every way there is."""
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    complete = Graph.complete(num_nodes=sizes)
    ptr = torch.tensor([0, *sizes]).cumsum(0)
    return {
        "complete": complete,
        "edges": Graph.from_edges(complete.edge_index, batch),
        "batch": Graph.from_batch(batch, len(sizes)),
        "ptr": Graph.from_ptr(ptr),
    }


@given(SIZES)
def test_reductions_over_nodes_match_a_loop(sizes):
    x = torch.randn(sum(sizes), 3, dtype=torch.float64)
    parts = x.split(sizes)
    for graph in graphs_of(sizes).values():
        assert torch.allclose(graph.sum(x), torch.stack([p.sum(0) for p in parts]))
        assert torch.allclose(graph.mean(x), torch.stack([p.mean(0) for p in parts]))
        rms = torch.stack([p.square().sum(1).mean().sqrt() for p in parts])[:, None]
        assert torch.allclose(graph.rms(x), rms)
        spread = torch.cat([p.mean(0, keepdim=True).expand_as(p) for p in parts])
        assert torch.allclose(graph.spread(graph.mean(x)), spread)


@given(SIZES, st.sampled_from(["sum", "mean", "sqrt"]))
def test_aggregation_matches_a_loop_with_and_without_the_dense_layout(sizes, how):
    graphs = graphs_of(sizes)
    edges = loop_edges(sizes)
    messages = torch.randn(len(edges), 2, dtype=torch.float64)
    expected = torch.zeros(sum(sizes), 2, dtype=torch.float64)
    for message, (_, receiver) in zip(messages, edges, strict=True):
        expected[receiver] += message
    degree = torch.tensor([max(size - 1, 1) for size in sizes for _ in range(size)])[:, None]
    expected = {"sum": expected, "mean": expected / degree, "sqrt": expected / degree**0.5}[how]
    for name in ("complete", "edges"):
        assert torch.allclose(graphs[name].aggregate(messages, how), expected)


def test_unsorted_batches_reduce_correctly():
    batch = torch.tensor([1, 0, 1, 0, 1, 0])
    x = torch.arange(6.0)[:, None]
    graph = Graph.from_batch(batch)
    assert not graph.uniform
    assert graph.mean(x).flatten().tolist() == [3.0, 2.0]


@given(SIZES)
def test_edge_graph_groups_edges_by_graph(sizes):
    for name in ("complete", "edges"):
        graph = graphs_of(sizes)[name]
        edge_graph = graph.edge_graph()
        assert edge_graph.num_nodes == graph.num_edges
        assert edge_graph.batch.tolist() == graph.batch[graph.receivers].tolist()
        assert edge_graph.counts.tolist() == [size * (size - 1) for size in sizes]


def test_padded_places_enter_no_statistic_and_no_edge():
    mask = torch.tensor([[True, True, False], [True, False, True]])
    graph = Graph.from_mask(mask)
    x = torch.tensor([[1.0], [3.0], [float("nan")], [5.0], [float("inf")], [7.0]])
    assert graph.mean(x).flatten().tolist() == [2.0, 6.0]
    assert graph.edge_index.tolist() == [[1, 0, 5, 3], [0, 1, 3, 5]]
    assert graph.degrees.tolist() == [1, 1, 0, 1, 0, 1]


def test_flow_turns_the_edges_round():
    edge_index = torch.tensor([[0, 1], [1, 2]])
    graph = Graph.from_edges(edge_index, flow="target_to_source")
    assert graph.receivers.tolist() == [0, 1]
    assert graph.senders.tolist() == [1, 2]


def test_radius_finds_the_pairs_of_a_loop():
    pytest.importorskip("vesin")
    x = torch.rand(30, 3, dtype=torch.float64) * 3
    batch = torch.tensor([0] * 12 + [1] * 1 + [2] * 17)
    graph = Graph.radius(x, 1.0, batch)
    distance = torch.cdist(x, x)
    near = (distance < 1.0) & (batch[:, None] == batch[None]) & ~torch.eye(30, dtype=torch.bool)
    found = {tuple(edge) for edge in graph.edge_index.T.tolist()}
    assert found == {(int(j), int(i)) for i, j in near.nonzero()}
    assert graph.num_graphs == 3


def test_nothing_waits_for_the_device_once_built():
    with fake_cuda() as device:
        for sizes in ([3, 3], [3, 2, 1]):
            graph = Graph.complete(num_nodes=sizes, device=device)
            x = torch.empty(6, 3, device=device)
            assert graph.spread(graph.rms(x)).device.type == "cuda"
            messages = x[graph.senders] - x[graph.receivers]
            assert graph.aggregate(messages, "mean").device.type == "cuda"
            assert graph.edge_graph().batch.device.type == "cuda"


def test_to_moves_every_tensor():
    graph = Graph.from_mask(torch.tensor([[True, True], [True, False]])).to("meta")
    assert {graph.device.type, graph.senders.device.type, graph.mask.device.type} == {"meta"}


def test_one_compilation_serves_all_sizes():
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()

    @torch.compile(fullgraph=True, backend=counter, dynamic=True)
    def centred(x: torch.Tensor, graph: Graph) -> torch.Tensor:
        messages = x[graph.senders] - x[graph.receivers]
        return x - graph.spread(graph.mean(x)) + graph.aggregate(messages, "sqrt")

    for num_graphs, size in ((2, 5), (3, 4), (7, 6)):
        graph = Graph.complete(num_graphs, size)
        x = torch.randn(graph.num_nodes, 3)
        centred(x, graph)
    assert counter.frame_count == 1

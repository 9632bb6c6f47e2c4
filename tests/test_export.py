"""Graphs and model outputs in torch.export, in torch.save and over DataLoader's workers."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor
from torch.export import Dim
from torch.utils import _pytree

import eqnorm
from eqnorm import Graph


def cutoff_graph(nodes: int) -> tuple[Tensor, Graph]:
    x = torch.randn(nodes, 3, generator=torch.Generator().manual_seed(nodes))
    return x, Graph.radius(x, 2.0, torch.arange(nodes) % 2)


def saved_and_loaded(program: torch.export.ExportedProgram) -> torch.nn.Module:
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    return torch.export.load(file).module()


def test_a_saved_program_takes_graphs_and_gives_outputs_by_name():
    model = eqnorm.create_model("egnn_vel", norm="geonorm", hidden=8, layers=2)
    (x, v), graph = torch.randn(2, 10, 3), Graph.complete(2, 5)
    program = saved_and_loaded(torch.export.export(model, (x, graph), {"v": v}))
    out = program(x + 1, Graph.complete(2, 5), v=v)
    assert isinstance(out, eqnorm.ModelOutput)
    torch.testing.assert_close(out.x, model(x + 1, graph, v=v).x)


def test_one_program_serves_graphs_of_any_size():
    model = eqnorm.create_model("egnn", update_norm="softcap", hidden=8, layers=2)
    x, graph = cutoff_graph(12)
    shapes = torch.export.ShapesCollection()
    sizes: dict[int, object] = {}
    for tensor in (x, *(leaf for leaf in _pytree.tree_leaves(graph) if isinstance(leaf, Tensor))):
        # The number of graphs is that of the example; those of nodes and edges are free.
        if id(tensor) not in sizes and tensor is not graph.counts:
            shapes[tensor] = {0: Dim.AUTO}
            sizes[id(tensor)] = tensor
    program = torch.export.export(model, (x, graph), dynamic_shapes=shapes).module()
    for nodes in (7, 30):
        x, graph = cutoff_graph(nodes)
        torch.testing.assert_close(program(x, graph).x, model(x, graph).x)


@pytest.mark.parametrize("graph", [Graph.complete(2, 3), cutoff_graph(9)[1]], ids=repr)
def test_graphs_are_saved_and_loaded_without_code(graph):
    file = io.BytesIO()
    torch.save(graph, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    assert repr(loaded) == repr(graph)
    torch.testing.assert_close(loaded.edge_index, graph.edge_index)


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (Graph.complete(2, 3), "Graph(2 graphs, 6 nodes, 12 edges, complete)"),
        (Graph.from_batch(torch.zeros(1, dtype=torch.int64)), "Graph(1 graph, 1 node, 0 edges)"),
        (
            Graph.from_mask(torch.tensor([[True, True, False]])),
            "Graph(1 graph, 3 nodes, 2 edges, padded)",
        ),
        (
            Graph.radius(torch.zeros(1, 3), 1.1, box=torch.ones(3)),
            "Graph(1 graph, 1 node, 6 edges, periodic)",
        ),
    ],
    ids=str,
)
def test_a_graph_prints_its_sizes(graph, text):
    assert repr(graph) == text

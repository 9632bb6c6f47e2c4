"""Every registered norm on another device, compiled and exported."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.func import functional_call

from eqnorm import Graph
from tests.contract.norm_cases import (
    SIZES,
    NormCase,
    call,
    ragged,
)
from tests.contract.uniform_case import N, close, default, one_type
from tests.fake_cuda import fake_cuda


@default
def test_everything_stays_on_the_device_of_x(case: NormCase) -> None:
    """On a pretended CUDA device: a tensor on another one, or a wait for a value, is an error."""
    norm = case.build()
    state = {**dict(norm.named_parameters()), **dict(norm.named_buffers())}
    with fake_cuda() as device:
        own = {k: torch.empty_like(v, device=device) for k, v in state.items()}
        inputs = {k: v.to(device) for k, v in case.inputs(N, dtype=torch.float32).items()}
        graphs = [
            Graph.complete(num_nodes=SIZES, device=device),
            Graph.complete(2, N // 2 + 1, device=device),
        ]
        for graph in graphs:
            given = {k: torch.cat([v, v])[: graph.num_nodes] for k, v in inputs.items()}
            rest = {k: v for k, v in given.items() if k != "x"}
            out = functional_call(norm, own, (given["x"], graph), rest)
            assert out.device == device
            assert out.shape == given["x"].shape


def batches(case: NormCase) -> list[tuple[Graph, dict[str, Tensor]]]:
    # Not as many graphs as there are coordinates or features: the compiler takes equal sizes of
    # its first call for the same size, and compiles again when they part.
    sizes = [(3, 4, 2, 1, 1), (5, 2, 6, 4, 3, 3, 3), (2, 3, 7, 8, 5, 3, 9, 9)]
    return [
        (Graph.complete(num_nodes=size), case.inputs(sum(size), dtype=torch.float32))
        for size in sizes
    ]


@one_type
def test_compiles_whole_and_once_for_all_batch_sizes(case: NormCase) -> None:
    torch._dynamo.reset()
    norm, counter = case.build(), CompileCounter()
    compiled = torch.compile(copy.deepcopy(norm), fullgraph=True, dynamic=True, backend=counter)
    for graph, inputs in batches(case):
        close(call(compiled, graph, inputs), call(norm, graph, inputs), 1e-5)
    assert counter.frame_count <= 1


class Exported(nn.Module):
    """A norm as it stands in an exported model: the graph is given as a batch vector."""

    def __init__(self, norm: nn.Module, num_graphs: int, names: list[str]) -> None:
        super().__init__()
        self.norm, self.num_graphs, self.names = norm, num_graphs, names

    def forward(self, batch: Tensor, *values: Tensor) -> Tensor:
        graph = Graph.from_batch(batch, self.num_graphs, validate=False)
        return call(self.norm, graph, dict(zip(self.names, values, strict=True)))


@one_type
def test_exports_with_any_number_of_nodes(case: NormCase) -> None:
    norm, inputs, graph = case.build().eval(), case.inputs(N, dtype=torch.float32), ragged()
    module = Exported(norm, len(SIZES), list(inputs))
    nodes = torch.export.Dim("nodes", min=2)
    shapes = {"batch": {0: nodes}, "values": tuple({0: nodes} for _ in inputs)}
    program = torch.export.export(
        module, (graph.batch, *inputs.values()), dynamic_shapes=shapes, strict=False
    )
    more = Graph.complete(num_nodes=(4, 4, 2, 9))
    other = case.inputs(more.num_nodes, dtype=torch.float32)
    close(program.module()(more.batch, *other.values()), call(norm, more, other), 1e-5)

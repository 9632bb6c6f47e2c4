"""One point of the scaling plot: a training step of a model at one size, in its own process.

    python -m tests.benchmarks.growth_point \
        '{"graph": "cutoff", "model": "egnn_vel", "nodes": 1000, "seconds": 4}'

Prints one line of JSON. The peak of a process can be read once only, hence the process.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import eqnorm
import eqnorm_adapters
from eqnorm import Graph
from eqnorm_adapters.native import native_available, use_native

HIDDEN, LAYERS = 64, 4
NEIGHBOURS = 20
Predict = Callable[[], Tensor]


def system(kind: str, nodes: int) -> tuple[Tensor, Graph, float]:
    """Points, graph, and the processor time of the neighbour list."""
    torch.manual_seed(0)
    if kind == "complete":
        return torch.randn(nodes, 3), Graph.complete(1, nodes), 0.0
    # Periodic: every node has as many neighbours, at every size.
    length = (nodes * 4 / 3 * math.pi / NEIGHBOURS) ** (1 / 3)
    x, box = torch.rand(nodes, 3) * length, torch.full((3,), length)
    Graph.radius(x, 1.0, box=box)  # loads the library
    times = []
    for _ in range(3):
        start = time.process_time()
        graph = Graph.radius(x, 1.0, box=box)
        times.append(time.process_time() - start)
    return x, graph, statistics.median(times)


def ours(name: str, x: Tensor, graph: Graph, **options: Any) -> tuple[nn.Module, Predict]:
    model = eqnorm.create_model(name, layers=LAYERS, **options)
    v = torch.zeros_like(x)
    return model, lambda: model(x, graph, v=v).x


def official(x: Tensor, graph: Graph, peers: str) -> tuple[nn.Module, Predict]:
    """EGNN_vel of github.com/vgsatorras/egnn: it knows no boxes, at the same cost."""
    sys.path.insert(0, str(Path(peers) / "egnn"))
    package = importlib.import_module("n_body_system.model")
    model = package.EGNN_vel(1, 0, HIDDEN, n_layers=LAYERS, recurrent=True)
    h, v = torch.ones(len(x), 1), torch.zeros_like(x)
    edges = [graph.receivers.clone(), graph.senders.clone()]
    empty = x.new_empty(graph.num_edges, 0)
    # A copy: the layers write into what they are given.
    return model, lambda: model(h, x.clone(), edges, v, empty)


def lucidrains(kind: str, x: Tensor) -> tuple[nn.Module, Predict]:
    """Layers of egnn-pytorch: all pairs, of which it takes the 20 nearest for a cutoff."""
    package = importlib.import_module("egnn_pytorch")
    near = NEIGHBOURS if kind == "cutoff" else 0
    layers = nn.ModuleList(
        package.EGNN(dim=HIDDEN, m_dim=HIDDEN, num_nearest_neighbors=near) for _ in range(LAYERS)
    )
    h = torch.ones(1, len(x), HIDDEN)

    def predict() -> Tensor:
        features, place = h, x.unsqueeze(0)
        for layer in layers:
            features, place = layer(features, place)
        return place.squeeze(0)

    return layers, predict


def lucidrains_sparse(x: Tensor, graph: Graph) -> tuple[nn.Module, Predict]:
    """Layers of egnn-pytorch over PyTorch Geometric, which take edges."""
    package = importlib.import_module("egnn_pytorch")
    layers = nn.ModuleList(
        package.EGNN_Sparse(feats_dim=HIDDEN, m_dim=HIDDEN) for _ in range(LAYERS)
    )
    both = torch.cat([x, torch.ones(len(x), HIDDEN)], dim=1)
    edge_index = graph.edge_index

    def predict() -> Tensor:
        out = both
        for layer in layers:
            out = layer(out, edge_index)
        return out[:, :3]

    return layers, predict


def build(point: dict[str, Any], x: Tensor, graph: Graph) -> tuple[nn.Module, Predict]:
    name = point["model"]
    use_native(name != "egnn_vel, torch")
    if name == "egnn_vel" and not native_available():
        raise SystemExit("the compiled path is not available here")
    if name.startswith("egnn_vel"):
        return ours("egnn_vel", x, graph, hidden=HIDDEN)
    if name == "tfn":
        return ours("tfn", x, graph, hidden=16, lmax=1)
    if name == "official EGNN":
        return official(x, graph, point["peers"])
    if name == "egnn-pytorch, edges":
        return lucidrains_sparse(x, graph)
    return lucidrains(point["graph"], x)


def resident(what: str) -> float:
    """VmRSS or VmHWM of this process, in MiB: the peak of this memory, not of the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("peak memory is read from /proc, which this system lacks")


def forget() -> None:
    """Hand freed memory back and start the peak anew, or what came before hides a small step."""
    eqnorm_adapters.empty_cache()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def stepper(model: nn.Module, predict: Predict, target: Tensor) -> Callable[[], None]:
    # A learning rate of nothing: as much work, and no run in which the numbers overflow.
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(predict(), target).backward()
        optimizer.step()

    return step


def measure(point: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(1)
    # Libraries are loaded and kernels compiled before the memory is looked at.
    tiny, tiny_graph, _ = system(point["graph"], 30 if point["graph"] == "complete" else 100)
    stepper(*build(point, tiny, tiny_graph), tiny)()
    x, graph, listing = system(point["graph"], point["nodes"])
    step = stepper(*build(point, x, graph), x)
    forget()
    before = resident("VmRSS")
    step()
    memory = max(resident("VmHWM") - before, 0.0)
    times: list[float] = []
    end = time.monotonic() + point["seconds"]
    while len(times) < 3 or (time.monotonic() < end and len(times) < 200):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
        if times[0] > point["seconds"]:
            break  # one is enough of what takes so long
    return {
        "graph": point["graph"],
        "model": point["model"],
        "nodes": point["nodes"],
        "edges": graph.num_edges,
        "seconds": statistics.median(times),
        "steps": len(times),
        "MiB": memory,
        "neighbour_list_seconds": listing,
    }


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))

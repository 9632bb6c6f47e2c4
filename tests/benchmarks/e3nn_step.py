"""Speed of a training step of `tfn` and `nequip` against e3nn's own modules.

    python -m tests.benchmarks.e3nn_step [--threads 1] [--seconds 20] [--rounds 3]
        [--models tfn nequip] [--cutoff] [--nodes 10000] [--profile] [--memory]

16x0e+16x1o+16x2e, 4 layers, float32, forward and backward: four complete graphs of 100 nodes, or
with ``--cutoff`` one of 10,000 nodes with 20 neighbours each. Contestants take turns; a figure is a
median of processor time (with one thread; of wall-clock time with more). ``--rounds`` is the most
turns that are taken, ``--memory`` adds the peak memory of a step, ``--profile`` prints where the
time of each goes.

A step of e3nn's modules on the 10,000 nodes takes half a minute on a busy machine, and 6 GiB; with
``--rounds 3`` the comparison ends within minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from eqnorm.bench import paths
from eqnorm.bench.e3nn_peers import Peer
from eqnorm.bench.records import Ratio
from eqnorm.bench.timing import Run, interleaved
from tests.benchmarks.growth_point import forget, resident

MODELS = ("tfn", "nequip")


class Data:
    """Points in space with velocities, an invariant and a target, and their graph."""

    def __init__(self, graph: Graph, x: Tensor, cutoff: float | None = None) -> None:
        self.graph, self.x, self.cutoff = graph, x, cutoff
        self.v, self.target = torch.randn(2, *x.shape).unbind()
        self.h = torch.randn(x.shape[0], 1)

    @classmethod
    def complete(cls, graphs: int = 4, nodes: int = 100) -> Data:
        """Complete graphs."""
        return cls(Graph.complete(graphs, nodes), torch.randn(graphs * nodes, 3))

    @classmethod
    def within_cutoff(cls, nodes: int = 10_000, degree: float = 20.0) -> Data:
        """Points at random in a cube, joined where they are nearer than 1 unit."""
        side = (nodes * 4 / 3 * torch.pi / degree) ** (1 / 3)
        x = side * torch.rand(nodes, 3)
        return cls(Graph.radius(x, 1.0), x, cutoff=1.0)


def step(model: nn.Module, run: Callable[[], Tensor], target: Tensor) -> Run:
    """Forward, squared error and backward."""

    def once() -> None:
        model.zero_grad()
        (run() - target).square().mean().backward()

    return once


def contestants(name: str, data: Data, layers: int = 4, compiled: bool = True) -> dict[str, Run]:
    """Steps by name: e3nn's first, ours in torch, and ours on the compiled path."""
    peer = Peer(name, layers=layers, cutoff=data.cutoff)
    model = eqnorm.create_model(name, layers=layers, cutoff=data.cutoff)
    ours = step(model, lambda: model(data.x, data.graph, h=data.h, v=data.v).x, data.target)
    runs = {
        "e3nn": step(peer, lambda: peer(data.x, data.graph, data.h, data.v), data.target),
        "torch": paths.on_path(ours, False),
    }
    if compiled:
        runs["compiled"] = paths.on_path(ours, True)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--cutoff", action="store_true")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    data = Data.within_cutoff(args.nodes) if args.cutoff else Data.complete()
    print(f"{data.graph.num_nodes} nodes, {data.graph.num_edges} edges, {args.threads} thread(s)")
    with paths.restored():
        for name in args.models:
            runs = contestants(name, data)
            if args.profile:
                _profile(name, runs)
                continue
            peaks = {path: _peak(run) for path, run in runs.items()} if args.memory else {}
            times = interleaved(runs, args.seconds, most=args.rounds)
            for path, values in times.items():
                own, faster = Ratio.of(values), Ratio.between(times["e3nn"], values)
                peak = f", {peaks[path]:.0f} MiB" if peaks else ""
                print(
                    f"{name}, {path}: {1e3 * own.value:.0f} ms, {faster.value:.2f}x "
                    f"({faster.low:.2f}-{faster.high:.2f}, {len(values)} rounds){peak}",
                    flush=True,
                )


def _peak(run: Run) -> float:
    """MiB that a step needs beyond what is there before it; Linux."""
    forget()
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def _profile(name: str, runs: dict[str, Run]) -> None:
    for path, run in runs.items():
        run()
        with torch.profiler.profile() as found:
            run()
        print(name, path)
        print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=18))


if __name__ == "__main__":
    main()

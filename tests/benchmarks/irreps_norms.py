"""Speed of the norms on irreps against other implementations: forward and backward, one thread.

    python -m tests.benchmarks.irreps_norms [--peers DIRECTORY] [--seconds 3]

Contestants take turns of two passes, of which the second counts, so that a busy machine slows all
of them; a figure is the ratio of medians of processor time. With ``--peers``, checkouts as in
tests/norms/irreps/peers/README.md, it also runs EquiformerV2's and SEGNN's norms.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from e3nn import o3
from e3nn.nn import BatchNorm
from torch import Tensor, nn

import eqnorm
from eqnorm.functional.irreps import compiled_available, use_compiled
from tests.norms.irreps.peers.record import load

SIZES = [
    ("64x0e+32x1o+16x2e", 1000),
    ("64x0e+32x1o+16x2e", 10000),
    ("128x0e+128x1o+128x2e+128x3o", 1000),
    ("128x0e+128x1o+128x2e+128x3o", 10000),
]
Run = Callable[[], None]


def step(call: Callable[[Tensor], Tensor], shape: tuple[int, ...], compiled: bool = False) -> Run:
    """One forward and backward pass, gradients of input and parameters included."""
    x = torch.randn(shape, requires_grad=True)
    g = torch.randn(shape)

    def run() -> None:
        use_compiled(compiled)
        x.grad = None
        call(x).backward(g)

    return run


def medians(runs: dict[str, Run], seconds: float) -> dict[str, float]:
    """Median processor time of each, in seconds; they take turns."""
    for run in runs.values():
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(next(iter(times.values()))) < 5:
        for name, run in runs.items():
            run()  # brings code and data back into the caches that the others have filled
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def both(name: str, irreps: str, rows: int, graph: Any = None, **options: Any) -> dict[str, Run]:
    norm = eqnorm.create_norm(name, on=irreps, **options)
    shape = (rows, norm.dim)
    runs = {"torch": step(lambda x: norm(x, graph), shape)}
    if compiled_available():
        runs["compiled"] = step(lambda x: norm(x, graph), shape, True)
    return runs


def report(what: str, against: str, times: dict[str, float]) -> None:
    peer, plain = times["peer"], times["nn.LayerNorm"]
    print(
        f"| {what} | {against} | {1e3 * peer:.2f} ms |"
        f" {peer / times['torch']:.1f} | {peer / times['compiled']:.1f} |"
        f" {times['torch'] / plain:.1f} | {times['compiled'] / plain:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    use_compiled(True)
    print("| norm, irreps, nodes | against | its time | torch | compiled |", end="")
    print(" torch / nn.LayerNorm | compiled / nn.LayerNorm |\n|---|---|---|---|---|---|---|")
    for irreps, rows in SIZES:
        dim = o3.Irreps(irreps).dim
        layer = step(nn.LayerNorm(dim), (rows, dim))
        use_compiled(True)
        runs = both("batchnorm", irreps, rows)
        runs |= {"peer": step(BatchNorm(irreps), (rows, dim)), "nn.LayerNorm": layer}
        report(f"batchnorm {irreps}, {rows}", "e3nn", medians(runs, args.seconds))
    if args.peers is None:
        return
    segnn = load(args.peers / "Steerable-E3-GNN/models/segnn/instance_norm.py")["InstanceNorm"]
    for rows in (1000, 10000):
        irreps = "64x0e+32x1o+16x2e"
        dim = o3.Irreps(irreps).dim
        graph = eqnorm.Graph.complete(rows // 20, 20)
        theirs = segnn(irreps)
        use_compiled(True)
        runs = both("instancenorm", irreps, rows, graph)
        runs["peer"] = step(lambda x, m=theirs, b=graph.batch: m(x, b), (rows, dim))
        runs["nn.LayerNorm"] = step(nn.LayerNorm(dim), (rows, dim))
        report(f"instancenorm {irreps}, {rows}", "SEGNN", medians(runs, args.seconds))
    arrays = load(args.peers / "equiformer_v2/nets/equiformer_v2/layer_norm.py")
    for name, peer in (
        ("layernorm", "EquivariantLayerNormArray"),
        ("separable_layernorm", "EquivariantLayerNormArraySphericalHarmonics"),
        ("degree_balanced_rmsnorm", "EquivariantRMSNormArraySphericalHarmonicsV2"),
    ):
        for lmax, channels, rows in ((2, 64, 1000), (4, 128, 1000), (6, 128, 1000)):
            irreps = "+".join(f"{channels}x{degree}e" for degree in range(lmax + 1))
            theirs = arrays[peer](lmax, channels)
            size = (lmax + 1) ** 2
            use_compiled(True)
            runs = both(name, irreps, rows, layout="ir_mul")
            runs["peer"] = step(theirs, (rows, size, channels))
            runs["nn.LayerNorm"] = step(nn.LayerNorm(size * channels), (rows, size * channels))
            what = f"{name} l <= {lmax}, {channels} channels, {rows}"
            report(what, "EquiformerV2", medians(runs, args.seconds))


if __name__ == "__main__":
    main()

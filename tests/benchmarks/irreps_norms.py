"""Speed of the norms on irreps against other implementations: forward and backward, one thread.

    python -m tests.benchmarks.irreps_norms [--peers DIRECTORY] [--seconds 3] [--select WORD]

Contestants take turns of two passes, of which the second counts, so that a busy machine slows all
of them; a figure is the ratio of medians of processor time. With ``--peers``, checkouts as in
tests/norms/irreps/peers/README.md, it also runs the norms of EquiformerV2, SEGNN, Vector Neurons
and the SE(3)-Transformer. ``--select`` takes the norms whose name holds a word.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
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
    use_compiled(True)
    norm = eqnorm.create_norm(name, on=irreps, **options)
    shape = (rows, norm.dim)
    runs = {"torch": step(lambda x: norm(x, graph), shape)}
    if compiled_available():
        runs["compiled"] = step(lambda x: norm(x, graph), shape, True)
    return runs


def report(what: str, against: str, runs: dict[str, Run], seconds: float) -> None:
    """One row of the table; without a peer, only what nn.LayerNorm tells."""
    times = medians(runs, seconds)
    plain = times["nn.LayerNorm"]
    peer = times.get("peer", float("nan"))
    columns = [f"{1e3 * peer:.2f} ms"]
    columns += [f"{peer / times[path]:.1f}" for path in ("torch", "compiled")]
    if "peer" not in times:
        columns = ["", "", ""]
    columns += [f"{times[path] / plain:.1f}" for path in ("torch", "compiled")]
    print("|", " | ".join([what, against, *columns]), "|", flush=True)


def batch_norms(seconds: float) -> None:
    for irreps, rows in SIZES:
        dim = o3.Irreps(irreps).dim
        runs = both("batchnorm", irreps, rows)
        runs["peer"] = step(BatchNorm(irreps), (rows, dim))
        runs["nn.LayerNorm"] = step(nn.LayerNorm(dim), (rows, dim))
        report(f"batchnorm {irreps}, {rows}", "e3nn", runs, seconds)


def instance_norms(seconds: float, peers: Path | None) -> None:
    if peers is None:
        return
    segnn = load(peers / "Steerable-E3-GNN/models/segnn/instance_norm.py")["InstanceNorm"]
    irreps = "64x0e+32x1o+16x2e"
    dim = o3.Irreps(irreps).dim
    for rows in (1000, 10000):
        graph = eqnorm.Graph.complete(rows // 20, 20)
        theirs = segnn(irreps)
        runs = both("instancenorm", irreps, rows, graph)
        runs["peer"] = step(lambda x, m=theirs, b=graph.batch: m(x, b), (rows, dim))
        runs["nn.LayerNorm"] = step(nn.LayerNorm(dim), (rows, dim))
        report(f"instancenorm {irreps}, {rows}", "SEGNN", runs, seconds)


def length_norms(name: str, seconds: float, peers: Path | None) -> None:
    """Norms whose scale differs for every node and copy; geonorm on graphs of 20 nodes."""
    for irreps, rows in (*SIZES[:2], ("64x0e+64x1o+64x2e", 1000), ("64x1o", 1000)):
        dim = o3.Irreps(irreps).dim
        graph = eqnorm.Graph.complete(rows // 20, 20)
        runs = both(name, irreps, rows, graph)
        runs["nn.LayerNorm"] = step(nn.LayerNorm(dim), (rows, dim))
        against = ""
        if peers and name == "vn_batchnorm" and irreps == "64x1o":
            vector = load(peers / "vnn/models/vn_layers.py")["VNBatchNorm"](64, 3)
            runs["peer"], against = step(vector, (rows, 64, 3)), "Vector Neurons"
        if peers and name == "norm_layernorm" and irreps == "64x0e+64x1o+64x2e":
            runs["peer"], against = se3_transformer(peers, rows), "SE(3)-Transformer"
        report(f"{name} {irreps}, {rows}", against, runs, seconds)


def se3_transformer(peers: Path, rows: int) -> Run:
    """NormSE3 of degrees 0 to 2, which it wants in tensors of their own."""
    layers = "DGLPyTorch/DrugDiscovery/SE3Transformer/se3_transformer/model/layers"
    fiber = SimpleNamespace(channels=[64, 64, 64], degrees=[0, 1, 2])
    norm = load(peers / "DeepLearningExamples" / layers / "norm.py")["NormSE3"](fiber)
    x = {str(d): torch.randn(rows, 64, 2 * d + 1, requires_grad=True) for d in fiber.degrees}
    g = [torch.randn_like(part) for part in x.values()]

    def run() -> None:
        for part in x.values():
            part.grad = None
        torch.autograd.backward(list(norm(x).values()), g)

    return run


def array_norms(name: str, peer: str, seconds: float, peers: Path | None) -> None:
    if peers is None:
        return
    arrays = load(peers / "equiformer_v2/nets/equiformer_v2/layer_norm.py")
    for lmax, channels, rows in ((2, 64, 1000), (4, 128, 1000), (6, 128, 1000)):
        irreps = "+".join(f"{channels}x{degree}e" for degree in range(lmax + 1))
        size = (lmax + 1) ** 2
        runs = both(name, irreps, rows, layout="ir_mul")
        runs["peer"] = step(arrays[peer](lmax, channels), (rows, size, channels))
        runs["nn.LayerNorm"] = step(nn.LayerNorm(size * channels), (rows, size * channels))
        what = f"{name} l <= {lmax}, {channels} channels, {rows}"
        report(what, "EquiformerV2", runs, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--select", default="")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seconds, peers = args.seconds, args.peers
    parts: dict[str, Callable[[], None]] = {
        "batchnorm": lambda: batch_norms(seconds),
        "instancenorm": lambda: instance_norms(seconds, peers),
    }
    for name in ("norm_layernorm", "vn_batchnorm", "geonorm"):
        parts[name] = partial(length_norms, name, seconds, peers)
    for name, peer in (
        ("layernorm", "EquivariantLayerNormArray"),
        ("separable_layernorm", "EquivariantLayerNormArraySphericalHarmonics"),
        ("degree_balanced_rmsnorm", "EquivariantRMSNormArraySphericalHarmonicsV2"),
    ):
        parts[name] = partial(array_norms, name, peer, seconds, peers)
    print("| norm, irreps, nodes | against | its time | torch | compiled |", end="")
    print(" torch / nn.LayerNorm | compiled / nn.LayerNorm |\n|---|---|---|---|---|---|---|")
    for name, part in parts.items():
        if args.select in name:
            part()


if __name__ == "__main__":
    main()

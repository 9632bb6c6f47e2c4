"""Speed and memory of an EGNN training step against the official code: forward and backward.

    python -m tests.benchmarks.egnn_step [--peers DIRECTORY] [--threads 1] [--seconds 8]
        [--compile] [--memory] [--norms]

Velocity EGNN, 64 channels, 4 layers, 2 edge features, complete graphs, float32. Contestants take
turns of two steps, of which the second counts, as in training one follows another; a figure is a
median of processor time (with one thread; of wall-clock time with more).
``--peers`` is a directory with a checkout of github.com/vgsatorras/egnn in it, named ``egnn``.
egnn-pytorch is measured where it is installed. ``--compile`` adds torch.compile (a minute),
``--memory`` the peak memory of a step, ``--norms`` what each coordinate norm adds to a step.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from tests.benchmarks.egnn_contestants import Data, Step, contestants, ours

SIZES = [(5, 50), (20, 50), (50, 50), (100, 10)]  # nodes of a graph, graphs
NORMS = {
    "norm": [
        *("geonorm", "georms", "geofilm", "geoframe", "system"),
        *("layernorm", "scalenorm", "midi", "semla", "get"),
    ],
    "update_norm": ["softcap", "rms_film", "clipnorm", "graph_rmsnorm"],
}
_NONE = "none"


def medians(runs: dict[str, Step], seconds: float, threads: int = 1) -> dict[str, float]:
    """Median time of each in seconds; they take turns."""
    return {n: statistics.median(t) for n, t in rounds(runs, seconds, threads).items()}


def rounds(runs: dict[str, Step], seconds: float, threads: int = 1) -> dict[str, list[float]]:
    """Times of each in seconds, one a round, in which they take turns in any order."""
    clock = time.process_time if threads == 1 else time.perf_counter
    for once in runs.values():
        once()
        once()
    times: dict[str, list[float]] = {name: [] for name in runs}
    turns, order = list(runs.items()), random.Random(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(next(iter(times.values()))) < 5:
        order.shuffle(turns)
        for name, once in turns:
            once()
            start = clock()
            once()
            times[name].append(clock() - start)
    return times


def peak_memory(name: str, nodes: int, graphs: int, peers: Path | None) -> float:
    """MiB that the process grows by in two steps, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.egnn_step", "--grow", name]
    command += ["--sizes", f"{nodes}x{graphs}"]
    command += [] if peers is None else ["--peers", str(peers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _grow(name: str, size: tuple[int, int], peers: Path | None) -> float:
    small, large = (contestants(Data(*shape), peers)[name] for shape in ((3, 2), size))
    small()  # what code, libraries and parameters need
    before = _highest()
    large()
    large()
    return _highest() - before


def _highest() -> float:
    """The most memory that this process has held, in MiB; Linux.

    Not getrusage: there a process starts with the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def norm_costs(nodes: int, graphs: int, seconds: float, compiled: bool) -> dict[str, float]:
    """What each coordinate norm adds to the time of a step, as a share of it.

    Medians of differences within rounds, from a step of the model without norms.
    """
    data = Data(nodes, graphs)
    runs = {_NONE: ours(data, compiled)}
    for slot, names in NORMS.items():
        runs |= {name: ours(data, compiled, **{slot: name}) for name in names}
    times = rounds(runs, seconds)
    found = {}
    for name in list(runs)[1:]:
        shares = [a / b - 1 for a, b in zip(times[name], times[_NONE], strict=True)]
        found[name] = statistics.median(shares)
    return found


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def _table(title: str, rows: dict[str, dict[str, str]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"| {title} | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for head, row in rows.items():
        print(f"| {head} | {' | '.join(row[name] for name in names)} |")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--sizes", nargs="*", help="such as 20x50: nodes x graphs")
    for flag in ("compile", "memory", "norms"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--grow", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sizes = SIZES
    if args.sizes:
        sizes = [tuple(map(int, size.split("x"))) for size in args.sizes]
    with threads(args.threads):
        if args.grow:
            print(_grow(args.grow, sizes[0], args.peers))
            return
        speeds, memory, costs = {}, {}, {}
        for nodes, graphs in sizes:
            runs = contestants(Data(nodes, graphs), args.peers, args.compile)
            times = medians(runs, args.seconds, args.threads)
            first = next(iter(times.values()))
            head = f"N={nodes}, B={graphs}"
            speeds[head] = {n: f"{1e3 * t:.1f} ms, {first / t:.2f}x" for n, t in times.items()}
            if args.memory:
                names = [name for name in runs if "torch.compile" not in name]
                grown = {name: peak_memory(name, nodes, graphs, args.peers) for name in names}
                memory[head] = {name: f"{value:.0f} MiB" for name, value in grown.items()}
            if args.norms:
                for compiled in (False, True):
                    share = norm_costs(nodes, graphs, 3 * args.seconds, compiled)
                    key = f"{head}, {'compiled' if compiled else 'torch'}"
                    costs[key] = {name: f"{100 * value:+.1f}%" for name, value in share.items()}
    for title, rows in (("step", speeds), ("peak memory", memory), ("norm adds", costs)):
        if rows:
            _table(title, rows)


if __name__ == "__main__":
    main()

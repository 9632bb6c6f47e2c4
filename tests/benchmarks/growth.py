"""Time and memory of a training step against the number of nodes: a table, exponents, a picture.

    python -m tests.benchmarks.growth [--peers DIRECTORY] [--quick] [--out docs/images]

A cutoff graph of 20 neighbours, 100 to 30,000 nodes, and a complete graph, 5 to 400 nodes; one
system, one thread, processor time. With ``--peers``, a directory with a checkout of
github.com/vgsatorras/egnn as ``egnn``; egnn-pytorch runs where it is installed. A series ends
before a point that would take more than 30 s a step or 6 GiB.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "cutoff": [100, 300, 1_000, 3_000, 10_000, 30_000],
    "complete": [5, 10, 20, 50, 100, 200, 400],
}
QUICK = {"cutoff": [100, 300, 1_000], "complete": [5, 20, 50]}
# Below these a step is Python and small products, not edges.
FIT_FROM = {"cutoff": 1_000, "complete": 100}
MOST_SECONDS, MOST_MIB = 30.0, 6 * 1024.0
Row = dict[str, Any]


def models(kind: str, peers: Path | None) -> list[str]:
    found = ["egnn_vel", "egnn_vel, torch", "tfn"]
    if peers is not None:
        found.append("official EGNN")
    if importlib.util.find_spec("egnn_pytorch"):
        found.append("egnn-pytorch")
        if kind == "cutoff" and importlib.util.find_spec("torch_geometric"):
            found.append("egnn-pytorch, edges")
    return found


def too_much(rows: list[Row], nodes: int) -> str | None:
    """Whether the next point of a series, at the growth of its last two, goes over the limits."""
    if not rows:
        return None
    for key, most in (("seconds", MOST_SECONDS), ("MiB", MOST_MIB)):
        exponent = max(slope(rows[-2:], key) if len(rows) > 1 else 2.0, 1.0)
        expected = rows[-1][key] * (nodes / rows[-1]["nodes"]) ** exponent
        if expected > most:
            return f"about {expected:.0f} {'s' if key == 'seconds' else key}"
    return None


def slope(rows: list[Row], key: str) -> float:
    """Least squares slope of log(key) against log(nodes)."""
    points = [(math.log(r["nodes"]), math.log(max(r[key], 1e-9))) for r in rows]
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    over = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / over if over else math.nan


def series(
    kind: str, model: str, sizes: list[int], peers: Path | None, seconds: float
) -> list[Row]:
    rows: list[Row] = []
    for nodes in sizes:
        if reason := too_much(rows, nodes):
            print(f"{kind}, {model}: ends before {nodes} nodes ({reason})", flush=True)
            break
        point = {"graph": kind, "model": model, "nodes": nodes}
        point |= {"seconds": seconds, "peers": str(peers)}
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.growth_point", json.dumps(point)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            print(f"{kind}, {model}: {nodes} nodes failed: {last}", flush=True)
            break
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(
            f"{kind}, {model}: {nodes} nodes, {1e3 * rows[-1]['seconds']:.1f} ms, "
            f"{rows[-1]['MiB']:.1f} MiB",
            flush=True,
        )
    return rows


def table(rows: list[Row], kind: str) -> str:
    """Markdown: the largest points, and exponents over the points that are fitted."""
    own = [r for r in rows if r["graph"] == kind]
    sizes = sorted({r["nodes"] for r in own})[-4:]
    head = ["model", *(f"{n:,}" for n in sizes), "time ~ N^", "memory ~ N^"]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for model in dict.fromkeys(r["model"] for r in own):
        at = {r["nodes"]: r for r in own if r["model"] == model}
        fitted = [r for r in at.values() if r["nodes"] >= FIT_FROM[kind]]
        cells = [
            f"{1e3 * at[n]['seconds']:,.0f} ms, {at[n]['MiB']:,.0f} MiB" if n in at else "-"
            for n in sizes
        ]
        powers = [f"{slope(fitted, k):.2f}" if len(fitted) > 1 else "-" for k in ("seconds", "MiB")]
        lines.append("| " + " | ".join([model, *cells, *powers]) + " |")
    return "\n".join(lines)


def shares(rows: list[Row]) -> str:
    """The neighbour list, in percent of a step, of our models."""
    lines = []
    for model in ("egnn_vel", "egnn_vel, torch", "tfn"):
        own = [r for r in rows if r["graph"] == "cutoff" and r["model"] == model]
        parts = [
            f"{r['nodes']:,}: {100 * r['neighbour_list_seconds'] / r['seconds']:.1f}" for r in own
        ]
        lines.append(f"neighbour list, % of a step of {model}: {', '.join(parts)}")
    return "\n".join(lines)


def write(rows: list[Row], out: Path) -> None:
    with (out / "growth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", type=Path, help="folder with a checkout of the official egnn")
    parser.add_argument("--quick", action="store_true", help="small sizes, short timings")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    if options.peers is not None and not (options.peers / "egnn" / "n_body_system").is_dir():
        parser.error(f"--peers: no checkout of the official EGNN at {options.peers / 'egnn'}")
    peers = None if options.peers is None else options.peers.resolve()
    sizes, seconds = (QUICK, 0.5) if options.quick else (SIZES, 3.0)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [
        row
        for kind in sizes
        for model in models(kind, peers)
        for row in series(kind, model, sizes[kind], peers, seconds)
    ]
    write(rows, options.out)
    from tests.benchmarks.growth_plot import plot

    plot(rows, options.out / "growth")
    for kind in sizes:
        print(f"\n{kind}\n\n{table(rows, kind)}")
    print(f"\n{shares(rows)}")


if __name__ == "__main__":
    main()

"""Speed of the simulator against the reference generator, on one core, and over cores.

    python -m tests.benchmarks.simulator [--official FILE] [--rounds 5] [--quick]

FILE is `n_body_system/dataset/synthetic_sim.py` of github.com/vgsatorras/egnn (commit e9ca6c0), run
as it is but for its unused matplotlib import; without it the exact mode alone is the peer, whose
arithmetic is the reference's, in batches. The three take turns in one process; figures are medians
of ratios of processor time for one trajectory of 5000 steps.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eqnorm import nbody
from eqnorm.bench import Ratio

STEPS = 5000
SIZES = (5, 20, 50, 100)
FAST = {5: 512, 20: 64, 50: 16, 100: 8}
EXACT = {5: 64, 20: 8, 50: 1, 100: 1}
TARGETS = {5: 600, 20: 100, 50: 25, 100: 18}


def official(file: Path) -> Any:
    """The reference's class."""
    package = types.ModuleType("matplotlib")
    package.pyplot = types.ModuleType("matplotlib.pyplot")  # type: ignore[attr-defined]
    sys.modules.setdefault("matplotlib", package)
    sys.modules.setdefault("matplotlib.pyplot", package.pyplot)  # type: ignore[attr-defined]
    names: dict[str, Any] = {"__name__": "synthetic_sim"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    return names["ChargedParticlesSim"]


def timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start


def one_core(n: int, theirs: Any, rounds: int, steps: int) -> dict[str, list[float]]:
    """Processor seconds of a trajectory, by contestant, one value a round."""

    def reference() -> None:
        np.random.seed(43)  # noqa: NPY002  the reference draws from numpy's global state
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its scale
            theirs(n_balls=n, noise_var=0.0).sample_trajectory(T=steps, sample_freq=100)

    def ours(count: int, mode: str) -> None:
        nbody.simulate(count, n, steps=steps, sample_every=100, threads=1, mode=mode)

    runs: dict[str, tuple[int, Callable[[], None]]] = {
        "fast": (FAST[n], lambda: ours(FAST[n], "fast")),
        "exact": (EXACT[n], lambda: ours(EXACT[n], "exact")),
    }
    if theirs is not None:
        runs["reference"] = (1, reference)
    ours(8, "fast")
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (count, run) in runs.items():
            times[name].append(timed(run, time.process_time) / count)
    return times


def over_cores(n: int, threads: int, rounds: int, steps: int) -> tuple[Ratio, Ratio]:
    """Times faster on some threads than on one, by the clock; and the cores that it was given."""
    count = FAST[n] * 2 * threads

    def run(workers: int) -> None:
        nbody.simulate(count, n, steps=steps, sample_every=100, threads=workers)

    ratios, given = [], []
    for _ in range(rounds):
        one = timed(lambda: run(1), time.perf_counter)
        before = time.process_time()
        many = timed(lambda: run(threads), time.perf_counter)
        given.append((time.process_time() - before) / many)
        ratios.append(one / many)
    return Ratio.of(ratios), Ratio.of(given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="trajectories of 500 steps")
    args = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # of the reference's arithmetic
    theirs = None if args.official is None else official(args.official)
    steps = STEPS // 10 if args.quick else STEPS
    print(
        "| N | fast, a trajectory | reference / fast | target | reference / exact | exact / fast |"
    )
    print("|---|---|---|---|---|---|")
    for n in SIZES:
        times = one_core(n, theirs, args.rounds, steps)
        cells = [str(n), f"{1e3 * Ratio.of(times['fast']).value:.3g} ms"]
        for slow, quick in (("reference", "fast"), ("reference", "exact"), ("exact", "fast")):
            if slow not in times:
                cells.append("-")
            else:
                ratio = Ratio.between(times[slow], times[quick])
                cells.append(f"{ratio.value:.3g} ({ratio.low:.3g}-{ratio.high:.3g})")
            if len(cells) == 3:
                cells.append(str(TARGETS[n]))
        print("|", " | ".join(cells), "|", flush=True)
    cores = len(os.sched_getaffinity(0))
    for threads in range(2, cores + 1) if cores > 1 else ():
        ratio, given = over_cores(20, threads, args.rounds, steps)
        print(
            f"N = 20, {threads} threads: {ratio.value:.2f} ({ratio.low:.2f}-{ratio.high:.2f}) "
            f"times one thread, by the clock; cores it was given: {given.value:.2f}"
        )


if __name__ == "__main__":
    main()

"""Timing of contestants that take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

Run = Callable[[], object]
_SAMPLE = 5e-3
"""Seconds of a sample, at least: shorter passes are repeated, for the clock's sake."""
_FEWEST, _MOST = 5, 1000
_LEAST = 3
"""Rounds of what takes long."""
_PATIENCE = 10.0
"""Seconds, if not five times those asked for, after which they will do."""


def interleaved(
    runs: Mapping[str, Run],
    seconds: float,
    *,
    device: str = "cpu",
    processor_time: bool = True,
    fewest: int = _FEWEST,
    most: int = _MOST,
    alone: bool = False,
) -> dict[str, list[float]]:
    """Seconds of a pass of each contestant, one value a round.

    Every round runs all of them, and ratios are taken within a round, so that whatever else the
    machine does meets all alike. Two passes of each come first, uncounted, or one of what takes
    more than half a second; passes of less than 5 ms are repeated to make a sample, after one that
    brings their data back into the caches.

    Args:
        runs: what to call, by name.
        seconds: how long to go on, at least. Three rounds are enough where five times these, and
            ten seconds, are over.
        device: waited for, where it is a GPU.
        processor_time: of this process, all threads together, rather than of the clock on the
            wall. Means nothing on a GPU, or for several threads, where it is not used.
        fewest: rounds, unless they take as long as that.
        most: rounds, however much time is left.
        alone: run each once, uncounted, before every timing, however long it takes: what the one
            before it left in caches and in the allocator then plays no part.

    Returns:
        By name, a list with as many values as there were rounds.

    Example:
        >>> times = interleaved({"a": lambda: sum(range(1000))}, seconds=0.01)
        >>> len(times["a"]) >= 5
        True
    """
    gpu = device != "cpu"
    own = processor_time and not gpu and torch.get_num_threads() == 1
    clock = time.process_time if own else time.perf_counter

    def once(run: Run, repeats: int) -> float:
        if gpu:
            torch.cuda.synchronize(device)
        start = clock()
        for _ in range(repeats):
            run()
        if gpu:
            torch.cuda.synchronize(device)
        return (clock() - start) / repeats

    repeats: dict[str, int] = {}
    for name, run in runs.items():
        first = once(run, 1)
        again = first if first > 100 * _SAMPLE else once(run, 1)
        repeats[name] = max(1, min(_MOST, round(_SAMPLE / max(again, 1e-7))))
    times: dict[str, list[float]] = {name: [] for name in runs}
    start, rounds, passed = time.monotonic(), 0, 0.0
    while rounds < most and (rounds < fewest or passed < seconds):
        if rounds >= _LEAST and passed > max(_PATIENCE, 5 * seconds):
            break
        for name, run in runs.items():
            if alone or repeats[name] > 1:
                run()
            times[name].append(once(run, repeats[name]))
        rounds, passed = rounds + 1, time.monotonic() - start
    return times

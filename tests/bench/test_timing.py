"""Contestants take turns, and figures are ratios within a round."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from eqnorm.bench import Ratio, Settings, interleaved, timing


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_contestants_take_turns() -> None:
    calls: list[str] = []

    def run(name: str, seconds: float) -> None:
        calls.append(name)
        busy(seconds)

    times = interleaved({"a": lambda: run("a", 0.006), "b": lambda: run("b", 0.006)}, 0.01)
    assert [len(values) for values in times.values()] == [5, 5]
    assert calls == ["a", "a", "b", "b", *["a", "b"] * 5], "two of each to warm up, then in turn"


def test_what_takes_long_has_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def rounds(pass_takes: float, seconds: float, **options: int) -> int:
        calls = 0
        now = [0.0]

        def run() -> None:
            nonlocal calls
            calls += 1
            now[0] += pass_takes

        for clock in ("monotonic", "process_time"):
            monkeypatch.setattr(timing.time, clock, lambda: now[0])
        (values,) = interleaved({"a": run}, seconds, **options).values()
        assert calls == len(values) + (1 if pass_takes > 0.5 else 2)
        return len(values)

    assert rounds(0.1, 2.0) == 20
    assert rounds(1.0, 2.0) == 5
    assert rounds(3.0, 2.0) == 4
    assert rounds(10.0, 2.0) == 3
    assert rounds(10.0, 20.0) == 5
    assert rounds(0.1, 2.0, most=7) == 7
    assert rounds(10.0, 2.0, most=2) == 2
    assert rounds(1.0, 2.0, fewest=9) == 9


def test_alone_runs_each_once_more_before_it_is_timed() -> None:
    calls: list[str] = []

    def run(name: str) -> None:
        calls.append(name)
        busy(0.006)

    runs = {"a": lambda: run("a"), "b": lambda: run("b")}
    interleaved(runs, 0.01, fewest=2, alone=True)
    assert "".join(calls) == "aabb" + 2 * "aabb"


def test_a_ratio_of_known_work() -> None:
    times = interleaved({"long": lambda: busy(0.03), "short": lambda: busy(0.01)}, 0.1)
    assert 2.5 < Ratio.between(times["long"], times["short"]).value < 3.5


def test_short_passes_are_repeated() -> None:
    count = 0

    def run() -> None:
        nonlocal count
        count += 1

    (values,) = interleaved({"a": run}, 0.01).values()
    assert count > 100 * len(values)
    assert max(values) < 1e-3


def test_waiting_is_no_processor_time() -> None:
    def run() -> None:
        busy(0.006)
        time.sleep(0.02)

    (worked,) = interleaved({"a": run}, 0.01).values()
    assert min(worked) < 0.015
    (passed,) = interleaved({"a": run}, 0.01, processor_time=False).values()
    assert min(passed) >= 0.026


def test_ratio_pairs_rounds_and_gives_quartiles() -> None:
    # A machine that slows down tenfold half way: the ratio of each round stays.
    ratio = Ratio.between([2.0, 2.0, 20.0, 20.0], [1.0, 1.0, 10.0, 10.0])
    assert ratio == Ratio(2.0, 2.0, 2.0)
    assert Ratio.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Ratio(3.0, 2.0, 4.0)
    assert Ratio.of([7.0]) == Ratio(7.0, 7.0, 7.0)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"device": "tpu"}, r"device must be cpu, cuda or cuda:INDEX, got 'tpu'"),
        ({"device": "cuda:first"}, r"device must be cpu, cuda or cuda:INDEX, got 'cuda:first'"),
        ({"device": "cpu:0"}, r"device must be cpu, cuda or cuda:INDEX, got 'cpu:0'"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"threads": 99999}, r"threads must be at most \d+, the cores here, got 99999"),
        ({"seconds": 0}, "seconds must be positive, got 0"),
    ],
)
def test_bad_settings(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Settings(**settings)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no CUDA device here; use device='cpu'"):
        Settings(device="cuda")

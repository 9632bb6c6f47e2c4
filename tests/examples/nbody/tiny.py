"""Runs of a second or two, in this process and in others."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from examples.nbody import records, train

ROOT = Path(__file__).resolve().parents[3]
SMALL = {
    "data.n": 4,
    "data.train": 40,
    "data.val": 12,
    "data.test": 12,
    "data.batch_size": 8,
    "model.hidden": 8,
    "model.layers": 2,
    "epochs": 3,
    "threads": 1,
    "trainer.accelerator": "cpu",
    "trainer.enable_progress_bar": "false",
}


def options(cache: Path, *more: str, **changed: Any) -> list[str]:
    """The options of a tiny run; later ones replace earlier ones."""
    given = {**SMALL, "data.cache_dir": cache}
    for name in more:
        given.pop(name.split("=")[0], None)
    return [*(f"{k}={v}" for k, v in given.items()), *more]


def run(folder: Path, cache: Path, *more: str) -> dict[str, Any]:
    """A run in this process."""
    return train.run(train.configure([*options(cache, *more), f"folder={folder}"]))


def command(*arguments: str, cwd: Path, module: str = "examples.nbody.train") -> list[str]:
    """The command line of the application."""
    return [sys.executable, "-m", module, *arguments]


def environment() -> dict[str, str]:
    """That the application is found from any folder, and threads are few."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def call(
    *arguments: str, cwd: Path, module: str = "examples.nbody.train"
) -> subprocess.CompletedProcess[str]:
    """Run the application to its end."""
    return subprocess.run(
        command(*arguments, cwd=cwd, module=module),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
    )


def kill_after(lines: int, log: Path, process: subprocess.Popen[str]) -> None:
    """SIGKILL once so many steps are in a CSV log."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and len(log.read_text().splitlines()) > lines:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    process.wait(timeout=60)


def weights(folder: Path, which: str = "last") -> dict[str, torch.Tensor]:
    """Of a run's network."""
    return train.load(folder, which).net.state_dict()


def same_weights(left: Path, right: Path, which: str = "last") -> bool:
    """Whether two runs ended with the same numbers, bit for bit."""
    ours, theirs = weights(left, which), weights(right, which)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def rows(path: Path) -> list[dict[str, str]]:
    """Of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


NUMBERS = ("last_test_mse", "test_mse", "val_mse", "steps", "baselines", "parameters")


def same_results(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether all numbers are equal, bit for bit."""
    return all(left[name] == right[name] for name in NUMBERS)


def history(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Of a run."""
    return records.history(folder)

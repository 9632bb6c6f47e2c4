"""Writing to a file chunk by chunk: memory does not grow with the number of trajectories."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FEW, MANY = 1000, 10000
BYTES = 48 * 3 * 50
"""Of one trajectory: 3 particles, 50 frames."""

CODE = """
import sys
from eqnorm import nbody
from eqnorm.nbody import simulation

simulation._CHUNK_BYTES = 1 << 20  # so that few trajectories are several chunks already
few, many, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def run(count):
    out = None if path == "-" else f"{path}/{count}.eqnbody"
    made = nbody.simulate(count, 3, steps=50, sample_every=1, threads=1, out=out)
    assert len(made) == count


run(few)
before = peak()
run(many)
print(1024 * (peak() - before))
"""


def growth(path: str) -> int:
    """Bytes by which the peak of a process grows from few trajectories to many."""
    command = [sys.executable, "-c", CODE, str(FEW), str(MANY), path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_trajectories_written_to_a_file(tmp_path: Path) -> None:
    all_of_them = MANY * BYTES
    assert growth(str(tmp_path)) < all_of_them / 10
    assert growth("-") > all_of_them / 2, "kept in memory they must show, or this test sees nothing"

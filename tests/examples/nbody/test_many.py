"""Many trainings in worker processes, which end with the process that started them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]


def test_workers_end_when_their_parent_is_killed() -> None:
    code = (
        "import sys, time; from examples.nbody import many\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "import multiprocessing, os\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn'),\n"
        "                             initializer=many._end_with_parent) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(100)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    assert psutil.pid_exists(worker)
    process.kill()
    process.wait()
    process.stdout.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(worker).wait(20)
    assert not psutil.pid_exists(worker)

"""What it costs to begin: the import, beside torch's and e3nn's, and the creation of a model.

Processor time, as a share of what torch and e3nn take to import in the same process: about 2.7 s
where the limits were set, so that 0.2 s for the import are 7 % of it, and 50 ms for a model 2 %.
The limits leave room for noise; the best of three counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

IMPORT_LIMIT = 0.10
MODEL_LIMIT = 0.03

CODE = """
import json, sys, time

burn = float(sys.argv[1])  # seconds, as a control
start = time.process_time()
import torch, e3nn.o3, e3nn.nn
base = time.process_time() - start

start = time.process_time()
import eqnorm
eqnorm.list_norms()
end = time.process_time() + burn * base
while time.process_time() < end:
    pass
library = time.process_time() - start

names = eqnorm.list_models()
models = {}
for name in names:
    times = []
    for _ in range(2 if burn else 4):
        start = time.process_time()
        eqnorm.create_model(name)
        end = time.process_time() + burn * base
        while time.process_time() < end:
            pass
        times.append(time.process_time() - start)
    models[name] = min(times[1:]) / base  # the first warms up
print(json.dumps({"import": library / base, "models": models}))
"""


def measured(burn: float = 0.0) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(burn)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def slow(found: dict[str, Any]) -> list[str]:
    """What takes longer than its limit."""
    named = ["import eqnorm"] if found["import"] > IMPORT_LIMIT else []
    return named + [name for name, share in found["models"].items() if share > MODEL_LIMIT]


def test_import_and_models_are_quick() -> None:
    late: set[str] = {"import eqnorm"}
    for _ in range(3):
        found = measured()
        late = set(slow(found))
        if not late:
            break
    assert not late, found


def test_the_limits_see_what_is_slow() -> None:
    found = measured(burn=0.101)
    assert set(slow(found)) == {"import eqnorm", *found["models"]}

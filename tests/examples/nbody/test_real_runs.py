"""The experiments on real data: loaders, defects, refusal, sentences, and the published page."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import Graph, ModelOutput
from examples.nbody import train
from examples.nbody.real import defects, page, plan, rows
from examples.nbody.real.collate import Systems, join
from examples.nbody.real.entries import entry
from examples.nbody.real.rows import Base, Row
from examples.nbody.real.statements import statements, table
from examples.nbody.real.system import System

DOCS = Path(__file__).parents[3] / "docs"


def system(n: int = 30, box: float | None = 12.0, seed: int = 0) -> System:
    generator = torch.Generator().manual_seed(seed)

    def normal() -> torch.Tensor:
        return torch.randn(n, 3, generator=generator, dtype=torch.float64)

    x = 12.0 * torch.rand(n, 3, generator=generator, dtype=torch.float64)
    cell = None if box is None else box * torch.eye(3, dtype=torch.float64)
    return System(x, normal(), torch.ones(n, 1, dtype=torch.float64), x + normal(), cell, 4.0)


def net(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return eqnorm.create_model("egnn_vel", hidden=8, layers=2, residual=True, **options)


class Absolute(nn.Module):
    """Pulls towards the origin: breaks translations and lattice translations."""

    def forward(self, x, graph, h=None, v=None):
        return ModelOutput(0.9 * x + v, h, v)


class Stretched(nn.Module):
    """Moves along one axis more than along the others: breaks rotations."""

    def forward(self, x, graph, h=None, v=None):
        return ModelOutput(x + v * torch.tensor([1.0, 1.0, 2.0], dtype=x.dtype), h, v)


def test_a_batch_of_two_gives_what_each_system_gives_alone() -> None:
    both, model = Systems([system(seed=1), system(20, seed=2)]), net()
    assert len(both) == 2
    batch = both.__getitems__([0, 1])
    alone = [both[0], both[1]]

    def predicted(given):
        return model(given["x"], given["graph"], h=given["h"], v=given["v"]).x

    whole = predicted(batch)
    assert batch["graph"].periodic
    assert batch["graph"].num_edges == sum(each["graph"].num_edges for each in alone)
    torch.testing.assert_close(whole, torch.cat([predicted(each) for each in alone]))


def test_periodic_and_open_systems_do_not_mix() -> None:
    graphs = [system().graph(), system(box=None).graph()]
    with pytest.raises(ValueError, match="1 of 2 graphs are periodic"):
        join(graphs)


def test_a_sound_network_has_no_defect_and_wrong_ones_do() -> None:
    found = defects.defects(net(), system())
    assert set(found) == {"rotation", "reflection", "translation", "permutation", "lattice"}
    assert max(found.values()) < 1e-9
    pulled, stretched = (defects.defects(m, system()) for m in (Absolute(), Stretched()))
    assert pulled["translation"] > 0.1
    assert pulled["lattice"] > 0.1
    assert pulled["rotation"] < 1e-9
    assert stretched["rotation"] > 0.1
    assert stretched["lattice"] < 1e-9
    assert "lattice" not in defects.defects(net(), system(box=None))


def test_rotating_the_atoms_without_their_box_is_seen() -> None:
    moved = system().rotated(torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q)
    forgotten = dataclasses.replace(moved, box=system().box)
    model = net().double()
    with_box, without = (defects.predict(model, s) - s.x for s in (moved, forgotten))
    assert (with_box - without).abs().max() > 1e-6


def test_every_job_is_a_configuration_of_the_application() -> None:
    every = [job for name in plan.EXPERIMENTS for s in plan.SCALES for job in plan.jobs(name, s)]
    # One of each entry and of each set of data.
    chosen = {job.entry: job for job in every} | {job.data: job for job in every}
    for job in chosen.values():
        cfg = train.configure(job.overrides(Path("/tmp/nowhere")))
        assert (cfg.model.layers, cfg.epochs) == (job.layers, job.epochs)
        for slot, value in entry(job.entry).options.items():
            assert cfg.model[slot] == value


def test_unknown_experiment_and_scale() -> None:
    with pytest.raises(ValueError, match="experiment must be one of argon, adk, got 'neon'"):
        plan.jobs("neon", "smoke")
    with pytest.raises(ValueError, match="scale must be one of smoke, small, got 'huge'"):
        plan.jobs("argon", "huge")


def test_geonorm_is_refused_in_the_box_and_not_outside() -> None:
    jobs = {job.data: job for job in plan.jobs("argon", "smoke") if "GeoNorm" in job.entry}
    inside, outside = (rows.data_module(jobs[name]) for name in ("argon", "argon-open"))
    for data in (inside, outside):
        data.setup()
    reason = rows.refusal(jobs["argon"], inside)
    assert reason is not None
    assert "no meaning in a periodic box" in reason
    assert "softcap" in reason
    assert rows.refusal(jobs["argon-open"], outside) is None


def row(**given: object) -> Row:
    common: dict[str, object] = {
        "data": "argon",
        "entry": "no norm",
        "family": "none",
        "layers": 4,
        "hidden": 8,
        "rate": 5e-3,
        "epochs": 1,
        "seed": 0,
        "status": "finished",
        "worst": 2.0,
        "stable": True,
        "test_mse": 0.5,
        "last_mse": 0.5,
        "rotation": 1e-13,
    }
    return Row(**{**common, **given})  # type: ignore[arg-type]


def test_sentences_follow_the_numbers() -> None:
    bases = [Base("argon", "no_motion", 1.0), Base("argon", "linear", 0.4)]
    found = [
        row(),
        row(entry="LN(h) + softcap + mean", family="recipe", test_mse=0.25),
        row(entry="bad", status="diverged", where="step 3: output of layers.1", stable=False),
        row(entry="GeoNorm", family="geonorm", status="refused", test_mse=None, stable=False),
    ]
    (text,) = statements(found, bases)
    assert "best is LN(h) + softcap + mean with 0.25 (0.25 times the error of no motion)" in text
    assert "best without a norm 0.5" in text
    assert "Refused, because a centre has no meaning in a periodic box: GeoNorm." in text
    assert "Not stable: 1 of 3 runs (bad (4 layers))." in text
    assert "1 of 3 beat x + t·v." in text
    assert "step 3: output of layers.1" in "\n".join(table(found))


def test_the_published_page_says_what_the_published_numbers_are() -> None:
    folder = DOCS / "real"
    found, bases = page.read(folder)
    assert found
    assert bases
    assert (DOCS / "real_data.md").read_text() == page.render(folder)


def test_a_graph_without_a_box_is_not_periodic() -> None:
    assert not system(box=None).graph().periodic
    assert isinstance(system().graph(), Graph)


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
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=DOCS.parent
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

"""Two processes under torchrun, on gloo, train what one does with the joint batches."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from eqnorm import nbody
from examples.nbody.batches import Pairs, in_order, shuffled
from examples.nbody.data import ChargedParticles
from tests.examples.nbody import tiny

EXACT = ("trainer.precision=64-true",)


def torchrun(*given: str, cwd: Path, count: int = 2) -> subprocess.CompletedProcess[str]:
    start = ["--standalone", "--nproc-per-node", str(count), "-m", "examples.nbody.train"]
    command = [sys.executable, "-m", "torch.distributed.run", *start, *given]
    environment = {**tiny.environment(), "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def closeness(left: Path, right: Path) -> float:
    """Largest difference of the weights."""
    ours, theirs = tiny.weights(left), tiny.weights(right)
    return max(float((ours[k].double() - theirs[k].double()).abs().max()) for k in ours)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_deal_the_batches_of_one(world: int, cache: Path) -> None:
    """The last, smaller batch too; and each epoch has its own order."""
    data = Pairs(ChargedParticles(4, 25, 12, 12, cache_dir=cache).splits.train)

    def batches(rank: int, count: int, epoch: int) -> list[torch.Tensor]:
        loader = shuffled(data, 10, 7, rank, count)
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        return [batch["x"].reshape(-1, 4 * 3) for batch in loader]

    def rows(parts: list[torch.Tensor]) -> set[tuple[float, ...]]:
        return {tuple(row) for part in parts for row in part.tolist()}

    for epoch in (0, 1):
        one = batches(0, 1, epoch)
        parts = [batches(rank, world, epoch) for rank in range(world)]
        assert [len(part) for part in one] == [10, 10, 5]
        for k, whole in enumerate(one):
            assert sum(len(part[k]) for part in parts) == len(whole)
            assert rows([part[k] for part in parts]) == rows([whole])
    assert rows(batches(0, 1, 0)[:1]) != rows(batches(0, 1, 1)[:1])


@pytest.mark.parametrize("world", [1, 2, 5])
def test_every_system_is_tested_once(world: int, cache: Path) -> None:
    data = ChargedParticles(4, 25, 12, 12, cache_dir=cache).splits.test
    seen: Counter[tuple[float, ...]] = Counter()
    for rank in range(world):
        for batch in in_order(Pairs(data), 5, rank, world):
            seen.update(tuple(row) for row in batch["x"].reshape(-1, 12).tolist())
    assert set(seen.values()) == {1}
    assert len(seen) == len(data)


def test_what_cannot_be_dealt(cache: Path) -> None:
    data: nbody.NBodyDataset = ChargedParticles(4, 25, 12, 12, cache_dir=cache).splits.train
    with pytest.raises(ValueError, match="25 systems in batches of 8 end with one of 1"):
        shuffled(Pairs(data), 8, 0, 0, 2)
    with pytest.raises(ValueError, match="at most the 25 systems, got 26"):
        shuffled(Pairs(data), 26, 0, 0, 1)
    with pytest.raises(ValueError, match="a system for each of the 26 processes, got 25"):
        in_order(Pairs(data), 8, 0, 26)


def test_weights_are_those_of_one_process(tmp_path: Path, cache: Path) -> None:
    """Ten steps of Adam in float64, with uneven parts and a norm of the whole batch."""
    given = [
        *tiny.options(cache, "data.train=41", "data.batch_size=9", "data.val=13", "epochs=2"),
        "model.message_norm=batchnorm",
        *EXACT,
    ]
    done = torchrun(*given, "trainer=cpu_ddp", f"folder={tmp_path / 'two'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test MSE") == 1
    two = json.loads((tmp_path / "two" / "results.json").read_text())
    one = tiny.run(tmp_path / "one", cache, *given)
    assert one["steps"] == two["steps"] == 10
    assert closeness(tmp_path / "one", tmp_path / "two") < 1e-6
    for name in ("test_mse", "last_test_mse", "val_mse"):
        assert two[name] == pytest.approx(one[name], rel=1e-6)
    for name, ours in tiny.history(tmp_path / "one").items():
        theirs = tiny.history(tmp_path / "two")[name]
        assert [s for s, _ in ours] == [s for s, _ in theirs]
        assert [v for _, v in theirs] == pytest.approx([v for _, v in ours], rel=1e-5)
    assert len(list((tmp_path / "two" / "csv").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["stop_above=1e-9", "lr=1e200"])
def test_all_stop_together(steps: str, tmp_path: Path, cache: Path) -> None:
    given = [*tiny.options(cache, steps), *EXACT, f"folder={tmp_path / 'run'}"]
    done = torchrun(*given, "trainer=cpu_ddp", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["diverged"]
    assert results["diverged_step"] == (1 if "stop" in steps else 2)
    assert done.stdout.count("diverged at step") == 1


@pytest.mark.slow
def test_trainer_for_one_process(tmp_path: Path, cache: Path) -> None:
    done = torchrun(*tiny.options(cache), cwd=tmp_path)
    assert done.returncode != 0
    assert "torchrun started 2 processes, but the trainer is for 1" in done.stderr
    assert not list(tmp_path.glob("**/config.yaml"))

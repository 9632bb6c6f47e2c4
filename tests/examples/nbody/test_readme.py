"""What examples/nbody/README.md shows, run in tiny form."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from lightning import Trainer

from examples.nbody import gather, train
from examples.nbody.records import RESULTS
from tests.examples.nbody import tiny
from tests.examples.nbody.test_distributed import torchrun
from tests.markdown import commands

TEXT = (tiny.ROOT / "examples" / "nbody" / "README.md").read_text()
TRAIN = [
    pytest.param(
        shlex.split(line)[3:],
        id=str(number),
        marks=[pytest.mark.slow] if "joblib" in line else [],
    )
    for number, line in commands(TEXT, "python -m examples.nbody.train")
]
# What makes a run large; a sweep over one of them keeps its number of values.
SIZES = {name for name in tiny.SMALL if name.startswith(("data.", "model.")) or name == "epochs"}


def smaller(given: list[str], cache: Path) -> list[str]:
    """The same options with tiny sizes; the launcher's stay first, as in the text."""
    found = []
    for option in given:
        name, _, value = option.partition("=")
        if name not in SIZES:
            found.append(option)
        elif "," in value:
            found.append(f"{name}={','.join(str(4 + k) for k in range(value.count(',') + 1))}")
    extra = tiny.options(cache, "epochs=1", "data.train=16")
    names = {option.split("=")[0] for option in found}
    return [*found, *(option for option in extra if option.split("=")[0] not in names)]


@pytest.mark.parametrize("given", TRAIN)
def test_train(
    given: list[str], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, launchers left out, which the tests of sweeps start."""
    parallel = [option for option in given if option.startswith("hydra")]
    monkeypatch.chdir(tmp_path)
    options = smaller([option for option in given if option not in parallel], cache)
    monkeypatch.setattr(sys, "argv", ["train", *options])
    train.main()
    count = 1
    for option in options:
        if "--multirun" in options and "{" not in option:
            count *= option.count(",") + 1
    folders = list((tmp_path / "runs").glob(f"*/*/{RESULTS}"))
    assert len(folders) == count
    if count > 1:
        assert [
            shlex.split(line)[2].split(".")[-1]
            for _, line in commands(TEXT, "python -m examples.nbody.gather")
        ] == ["gather"]
        assert gather.main(["runs/norms"]) == 0


@pytest.mark.slow
def test_torchrun(tmp_path: Path, cache: Path) -> None:
    ((_, line),) = commands(TEXT, "torchrun")
    start, given = shlex.split(line)[:5], shlex.split(line)[5:]
    assert start == ["torchrun", "--nproc-per-node", "2", "-m", "examples.nbody.train"]
    done = torchrun(*smaller(given, cache), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_all_options_are_known() -> None:
    """Also those of the command that needs a cluster, launcher and all."""
    text = TEXT.replace("<!-- no-run", "<!-- ")
    lines = [line for _, line in commands(text, "python -m examples.nbody.train")]
    given = next(shlex.split(line)[4:] for line in lines if "submitit_slurm" in line)
    with train.hydra.initialize_config_module("examples.nbody.conf", version_base="1.3"):
        cfg = train.hydra.compose(
            "train",
            [o for o in given if "," not in o] + ["folder=x"],
            return_hydra_config=True,
        )
    assert cfg.hydra.launcher.cpus_per_task == 4
    assert "Slurm" in cfg.hydra.launcher._target_
    assert cfg.epochs == 1000


def test_table_of_trainer_options_is_lightnings() -> None:
    import inspect

    known = inspect.signature(Trainer).parameters
    assert set(train.configure(["trainer=ddp", "folder=x"]).trainer) <= set(known)

"""Configurations: every backbone has one and trains, recipes and presets say what they promise."""

from __future__ import annotations

import itertools
from pathlib import Path

import hydra
import pytest

import eqnorm
from examples.nbody import train
from examples.nbody.conf import __file__ as conf
from tests.examples.nbody import tiny

FILES = {path.stem for path in (Path(conf).parent / "model").glob("*.yaml")} - {"slots"}


def test_every_backbone_has_a_file() -> None:
    assert set(eqnorm.list_models()) == FILES


@pytest.mark.parametrize("name", eqnorm.list_models())
def test_every_backbone_trains(name: str, tmp_path: Path, cache: Path) -> None:
    """One step, and the tests."""
    results = tiny.run(
        tmp_path,
        cache,
        f"model={name}",
        "epochs=1",
        "data.train=8",
        "model.hidden=4",
    )
    assert results["steps"] == 1
    assert results["test_mse"] is not None
    assert results["config"]["model"]["name"] == name


def test_norms_by_name_and_by_mapping() -> None:
    assert train.configure(["norm=geonorm", "folder=x"]).model.norm == "geonorm"
    cfg = train.configure(["norm={name:geonorm,faithful:true}", "folder=x"])
    assert dict(cfg.model.norm) == {"name": "geonorm", "faithful": True}
    cfg = train.configure(["model.feature_norm=layernorm", "folder=x"])
    assert (cfg.model.norm, cfg.model.feature_norm) == (None, "layernorm")


def test_paper_preset() -> None:
    """Section 5 of the paper: 1000 epochs, batch 50, 64 features, Adam with decay 1e-12."""
    cfg = train.configure(["preset=paper", "folder=x"])
    assert (cfg.epochs, cfg.weight_decay, cfg.model.hidden) == (1000, 1e-12, 64)
    data = cfg.data
    assert (data.train, data.val, data.test, data.batch_size) == (3000, 2000, 2000, 50)
    assert (data.task[1] - data.task[0]) * 100 == 1000  # steps; frames are 100 steps apart
    assert cfg.model.name == "egnn_vel"
    module = train.Dynamics({**cfg.model, "norm": None}, 1, 2, cfg.lr, cfg.weight_decay)
    adam = module.configure_optimizers()
    assert type(adam).__name__ == "Adam"
    assert (adam.defaults["lr"], adam.defaults["weight_decay"]) == (5e-3, 1e-12)


def test_paper_grid() -> None:
    with hydra.initialize_config_module("examples.nbody.conf", version_base="1.3"):
        given = ["preset=paper", "sweep=paper", "folder=x"]
        cfg = hydra.compose("train", given, return_hydra_config=True)
    grid = {k: str(v).split(",") for k, v in cfg.hydra.sweeper.params.items()}
    assert grid["seed"] == ["30", "40", "50", "60"]
    assert [float(lr) for lr in grid["lr"]] == [5e-3, 5e-4]
    assert grid["data.n"] == ["20", "50", "100"]
    assert grid["model.layers"] == ["3", "5", "8", "10"]
    assert len(list(itertools.product(*grid.values()))) == 96


def test_recipes() -> None:
    """They may set norms, and options of the command line come after them."""
    cfg = train.configure(["recipe=geonorm", "folder=x"])
    assert dict(cfg.model.norm) == {"name": "geonorm", "faithful": True}
    assert cfg.model.norm_last
    assert (cfg.model.message_aggregation, cfg.model.coord_aggregation) == ("sum", "sum")
    cfg = train.configure(["recipe=recommended", "folder=x"])
    assert (cfg.model.feature_norm, cfg.model.update_norm) == ("layernorm", "softcap")
    assert cfg.model.message_aggregation == "mean"
    cfg = train.configure(["recipe=recommended", "model.update_norm=system", "folder=x"])
    assert cfg.model.update_norm == "system"


@pytest.mark.parametrize(("preset", "epochs"), [("smoke", 5), ("small", 100), ("paper", 1000)])
def test_presets_change_the_epochs(preset: str, epochs: int) -> None:
    assert train.configure([f"preset={preset}", "folder=x"]).epochs == epochs
    assert train.configure([f"preset={preset}", "folder=x", "epochs=7"]).epochs == 7


def test_unknown_names() -> None:
    with pytest.raises(hydra.errors.MissingConfigException, match="egnn_vel"):
        train.configure(["model=egn", "folder=x"])
    with pytest.raises(hydra.errors.ConfigCompositionException, match=r"model\.layer"):
        train.configure(["model.layer=3", "folder=x"])

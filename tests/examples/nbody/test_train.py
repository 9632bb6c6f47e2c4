"""The training application in one process: what a run leaves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from lightning import seed_everything

from examples.nbody import records, train
from tests.examples.nbody import tiny


@pytest.fixture(scope="module")
def plain(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    tiny.run(folder, cache)
    return folder


def test_results(plain: Path) -> None:
    results = json.loads((plain / records.RESULTS).read_text())
    assert results["steps"] == 15
    assert not results["diverged"]
    assert not results["resumed"]
    assert 0 < results["test_mse"] < 100
    assert results["config"]["data"]["n"] == 4
    assert results["baselines"].keys() >= {"no_motion", "linear", "centre"}


def test_results_are_those_of_a_loop_by_hand(plain: Path, cache: Path) -> None:
    """Weights and test error of the protocol written out: Adam, shuffled batches, best by val."""
    cfg = train.configure([*tiny.options(cache), f"folder={plain}"])
    data = train.hydra.utils.instantiate(cfg.data)
    seed_everything(cfg.seed, verbose=False)
    net = train.Dynamics({**cfg.model, "norm": None}, 1, 2, cfg.lr, cfg.weight_decay).net
    adam = torch.optim.Adam(net.parameters(), cfg.lr, weight_decay=cfg.weight_decay)

    def error(split: str) -> float:
        total = count = 0.0
        with torch.no_grad():
            for batch in getattr(data, f"{split}_dataloader")():
                out = net(batch["x"], batch["graph"], h=batch["h"], v=batch["v"],
                          edge_attr=batch["edge_attr"])  # fmt: skip
                total += float((out.x - batch["target"]).square().sum())
                count += out.x.numel()
        return total / count

    found = []
    for epoch in range(3):
        loader = data.train_dataloader()
        loader.batch_sampler.sampler.set_epoch(epoch)
        for batch in loader:
            adam.zero_grad()
            out = net(batch["x"], batch["graph"], h=batch["h"], v=batch["v"],
                      edge_attr=batch["edge_attr"])  # fmt: skip
            (out.x - batch["target"]).square().mean().backward()
            adam.step()
        found.append((error("val"), error("test")))
    results = json.loads((plain / records.RESULTS).read_text())
    assert results["test_mse"] == pytest.approx(min(found)[1], rel=1e-5)
    assert results["val_mse"] == pytest.approx(min(found)[0], rel=1e-5)
    assert results["last_test_mse"] == pytest.approx(found[-1][1], rel=1e-5)
    for name, value in tiny.weights(plain).items():
        torch.testing.assert_close(value, net.state_dict()[name])
    assert [v for _, v in tiny.history(plain)["val_mse"]] == pytest.approx(
        [v for v, _ in found], rel=1e-5
    )


def test_logs(plain: Path) -> None:
    history = tiny.history(plain)
    assert [step for step, _ in history["train_mse"]] == list(range(1, 16))
    assert [step for step, _ in history["val_mse"]] == [5, 10, 15]
    assert list((plain / "tensorboard").glob("version_0/events.*"))
    assert "test_mse" not in tiny.rows(plain / "csv" / "version_0" / "metrics.csv")[0]


def test_finished_run_is_only_read(plain: Path, cache: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in plain.rglob("*")}
    again = tiny.run(plain, cache)
    assert again == json.loads((plain / records.RESULTS).read_text())
    assert {path: path.stat().st_mtime_ns for path in plain.rglob("*")} == before


def test_another_configuration_is_refused(plain: Path, cache: Path) -> None:
    with pytest.raises(ValueError, match=r"another model.layers \(2, now 3\), lr \(0.005, now 1\)"):
        tiny.run(plain, cache, "lr=1", "model.layers=3")


def test_what_changes_no_number_is_not_refused(plain: Path, cache: Path) -> None:
    tiny.run(plain, cache, "threads=2", "trainer.log_every_n_steps=7", "data.cache_dir=/nowhere")


def test_epochs_that_would_not_be_validated(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ValueError, match="multiple of validate_every, got 3 and 2"):
        tiny.run(tmp_path, cache, "validate_every=2")
    assert not (tmp_path / "config.yaml").exists()


def test_clipping(plain: Path, tmp_path: Path, cache: Path) -> None:
    tiny.run(tmp_path / "tight", cache, "clip=1e-9", "epochs=1")
    tiny.run(tmp_path / "wide", cache, "clip=1e9", "epochs=1")
    tiny.run(tmp_path / "none", cache, "epochs=1")
    assert tiny.same_weights(tmp_path / "wide", tmp_path / "none")
    assert not tiny.same_weights(tmp_path / "tight", tmp_path / "none")


def test_mixed_precision(plain: Path, tmp_path: Path, cache: Path) -> None:
    results = tiny.run(tmp_path, cache, "trainer.precision=bf16-mixed")
    full = json.loads((plain / records.RESULTS).read_text())
    assert results["test_mse"] != full["test_mse"]
    assert results["test_mse"] == pytest.approx(full["test_mse"], rel=0.2)
    assert all(value.dtype == torch.float32 for value in tiny.weights(tmp_path).values())
    with pytest.raises(ValueError, match="another precision"):
        tiny.run(tmp_path, cache)


def test_validated_now_and_then(plain: Path, tmp_path: Path, cache: Path) -> None:
    tiny.run(tmp_path, cache, "validate_every=3")
    assert [step for step, _ in tiny.history(tmp_path)["val_mse"]] == [15]
    assert tiny.same_weights(tmp_path, plain)


def test_loaded_network_predicts_what_was_tested(plain: Path, cache: Path) -> None:
    cfg = train.configure([*tiny.options(cache), f"folder={plain}"])
    data = train.hydra.utils.instantiate(cfg.data)
    results = json.loads((plain / records.RESULTS).read_text())
    for which, name in (("best", "test_mse"), ("last", "last_test_mse")):
        net = train.load(plain, which)
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in data.test_dataloader():
                total += float((net(batch) - batch["target"]).square().sum())
                count += batch["x"].numel()
        assert total / count == pytest.approx(results[name], rel=1e-5)

"""Diverged runs: the step, the layer, the weights, and that they do not go on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from examples.nbody import records, train
from examples.nbody.module import Dynamics
from tests.examples.nbody import tiny


def break_at(monkeypatch: pytest.MonkeyPatch, step: int, where: str) -> None:
    """From a step on, the output or the gradient of layer 1 is not finite."""
    plain = Dynamics.training_step

    def training_step(self: Dynamics, batch: Any) -> Tensor:
        layer = self.net.layers[1]
        if self.global_step + 1 < step or hasattr(self, "handle"):
            return plain(self, batch)

        def spoil(module: nn.Module, given: Any, output: Any) -> Any:
            x, *others = output
            if where == "output":
                return (x * math.inf, *others)
            if x.requires_grad:
                x.register_hook(lambda g: g * math.nan)
            return output

        self.handle = layer.register_forward_hook(spoil)
        return plain(self, batch)

    monkeypatch.setattr(Dynamics, "training_step", training_step)


@pytest.mark.parametrize("where", ["output", "gradient"])
def test_step_layer_and_weights(
    where: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second epoch, with a checkpoint only every third: the weights are those of step 7."""
    break_at(monkeypatch, 8, where)
    results = tiny.run(tmp_path / "bad", cache, "validate_every=3")
    assert results["diverged"]
    assert results["diverged_step"] == 8
    assert results["diverged_where"] == f"{where} of layers.1"
    assert results["config"]["epochs"] == 3
    monkeypatch.undo()

    kept: dict[int, dict[str, Tensor]] = {}
    plain = Dynamics.training_step

    def noting(self: Dynamics, batch: Any) -> Tensor:
        kept[self.global_step] = {k: v.clone() for k, v in self.net.state_dict().items()}
        return plain(self, batch)

    monkeypatch.setattr(Dynamics, "training_step", noting)
    tiny.run(tmp_path / "good", cache)
    monkeypatch.undo()
    last = tiny.weights(tmp_path / "bad")
    assert all(torch.equal(last[k], v) for k, v in kept[7].items())
    assert not all(torch.equal(last[k], v) for k, v in kept[6].items())

    # Without its results it is tested again, but not trained.
    (tmp_path / "bad" / records.RESULTS).unlink()
    monkeypatch.setattr(Dynamics, "training_step", None)
    again = tiny.run(tmp_path / "bad", cache, "validate_every=3")
    for name in ("diverged_step", "diverged_where", "steps"):
        assert again[name] == results[name]


def test_never_validated(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first step: no error by validation, and none of the best weights."""
    break_at(monkeypatch, 1, "output")
    results = tiny.run(tmp_path, cache)
    text = (tmp_path / records.RESULTS).read_text()
    assert "NaN" not in text
    assert json.loads(text) == results
    assert results["diverged_step"] == 1
    assert results["test_mse"] is None
    assert results["val_mse"] is None
    assert train.load(tmp_path, "last").net is not None


def test_a_rate_that_is_too_large(tmp_path: Path, cache: Path) -> None:
    """Nothing made to fail: sums, many layers, a huge rate."""
    results = tiny.run(
        tmp_path, cache, "recipe=sums", "lr=1e3", "model.layers=6", "data.n=10", "epochs=2"
    )
    assert results["diverged"]
    assert results["diverged_where"].split()[-1].startswith("layers.")
    assert all(bool(v.isfinite().all()) for v in tiny.weights(tmp_path).values())


def test_stop_above(tmp_path: Path, cache: Path) -> None:
    free = tiny.run(tmp_path / "free", cache)
    losses = [v for _, v in tiny.history(tmp_path / "free")["train_mse"]]
    above = max(losses[5:]) * 0.999 / free["baselines"]["no_motion"]
    limit = above * free["baselines"]["no_motion"]
    results = tiny.run(tmp_path / "held", cache, f"stop_above={above}")
    expected = next(k for k, loss in enumerate(losses, start=1) if loss > limit)
    assert results["diverged_step"] == expected
    assert results["diverged_where"].startswith(f"loss {losses[expected - 1]:.3g}; largest output")


def test_running_statistics_stay_good(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch that broke has no part in them."""
    break_at(monkeypatch, 8, "output")
    tiny.run(tmp_path, cache, "model.message_norm=batchnorm", "model.layers=3")
    found = tiny.weights(tmp_path)
    buffers = [v for k, v in found.items() if "running" in k]
    assert buffers
    assert all(bool(v.isfinite().all()) for v in buffers)
    assert eqnorm.norm_spec("batchnorm", on="8x0e").scope == "batch"

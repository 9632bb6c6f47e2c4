"""Random numbers, checkpoints and results of the training application."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from examples.nbody import train
from examples.nbody.fitting import SeedEveryEpoch, WholeFiles


def test_random_numbers_of_an_epoch() -> None:
    class At:
        current_epoch, global_rank = 3, 0

    drawn = []
    for _ in range(2):
        torch.rand(5)
        SeedEveryEpoch(1).on_train_epoch_start(At(), None)  # type: ignore[arg-type]
        drawn.append(torch.rand(3))
    At.global_rank = 1
    SeedEveryEpoch(1).on_train_epoch_start(At(), None)  # type: ignore[arg-type]
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], torch.rand(3))


def test_checkpoints_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint({"a": 1}, path)

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        WholeFiles().save_checkpoint({"a": 2}, path)
    assert torch.load(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_json_has_not() -> None:
    assert train._plain({"a": [math.nan, 1.0], "b": math.inf}) == {"a": [None, 1.0], "b": None}

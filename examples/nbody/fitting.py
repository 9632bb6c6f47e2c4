"""Lightning's trainer as the runs need it: checkpoints, logs, divergence."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins import DoublePrecision
from omegaconf import DictConfig

from examples.demo.results import write_atomically
from examples.nbody.divergence import StopOnDivergence

BEST, LAST = "best", "last"


class WholeFiles(TorchCheckpointIO):
    """Writes beside the file that it replaces, then renames.

    Lightning's own goes through the directory for temporary files, which may lie on another disk:
    a run that is killed there would leave half a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getvalue())


class DoubleBatches(DoublePrecision):
    """Float64; Lightning's own does not go past the graph of a batch, a frozen dataclass."""

    def convert_input(self, data: Any) -> Any:
        return {
            name: part.double() if isinstance(part, torch.Tensor) else part
            for name, part in data.items()
        }


class SeedEveryEpoch(Callback):
    """Seeds Python, NumPy and torch at the start of every epoch.

    What a layer draws in an epoch, for dropout or noise, is then the same whether the run came
    there in one go or was killed and taken up, and no state need be kept.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        numbers = (self.seed, trainer.current_epoch, trainer.global_rank)
        digest = hashlib.sha256(repr(numbers).encode()).digest()
        seed_everything(int.from_bytes(digest[:4], "little"), verbose=False)


def make_trainer(cfg: DictConfig, folder: Path, divergence: StopOnDivergence) -> Trainer:
    """The trainer of a run.

    Args:
        cfg: the run's configuration.
        folder: of its checkpoints and logs.
        divergence: what stops it.

    Raises:
        ValueError: under torchrun, with a trainer for one process; or the last epoch would not be
            validated.
    """
    every = cfg.validate_every
    if cfg.epochs % every:
        raise ValueError(
            f"epochs must be a multiple of validate_every, got {cfg.epochs} and {every}: the last "
            "weights are validated and kept"
        )
    saved: dict[str, Any] = {"enable_version_counter": False, "every_n_epochs": every}
    place = folder.absolute() / "checkpoints"
    callbacks: list[Callback] = [
        divergence,
        SeedEveryEpoch(cfg.seed),
        ModelCheckpoint(place, BEST, monitor="val_mse", **saved),
        ModelCheckpoint(place, LAST, save_on_train_epoch_end=True, **saved),
    ]
    options: dict[str, Any] = dict(cfg.trainer)
    plugins: list[Any] = [WholeFiles()]
    if options.get("precision") == "64-true":
        plugins.append(DoubleBatches())
        del options["precision"]
    trainer = Trainer(
        **options,
        max_epochs=cfg.epochs,
        check_val_every_n_epoch=every,
        gradient_clip_val=cfg.clip,
        callbacks=callbacks,
        plugins=plugins,
        logger=[CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="tensorboard")],
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours deal one process's batches to several
    )
    started = int(os.environ.get("WORLD_SIZE", 1)) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if started != trainer.world_size:
        raise ValueError(
            f"torchrun started {started} processes, but the trainer is for {trainer.world_size}; "
            "use trainer=ddp or trainer=cpu_ddp"
        )
    return trainer


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What is in a checkpoint of ours, or None where there is none.

    Not weights only: it holds options of norms beside tensors.
    """
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=False, map_location="cpu")
    return state


def callback_state(state: dict[str, Any], name: str) -> dict[str, Any]:
    """The state of the callback whose key begins with, or contains, a name."""
    return next((v for k, v in state["callbacks"].items() if name in k), {})


def is_over(state: dict[str, Any] | None, epochs: int) -> bool:
    """Whether a run whose last checkpoint this is was trained to its end and is only untested."""
    if state is None:
        return False
    diverged = callback_state(state, StopOnDivergence.__name__).get("step") is not None
    return diverged or state["epoch"] + 1 >= epochs


def move(path: Path, state: dict[str, Any] | None) -> None:
    """Let a checkpoint follow the folder that it lies in, if that was moved.

    ModelCheckpoint forgets the best error so far where its folder has another name.
    """
    place = str(path.parent.absolute())
    moved = [
        v for v in (state or {}).get("callbacks", {}).values() if v.get("dirpath", place) != place
    ]
    for callback in moved:
        old = callback["dirpath"]
        for key, value in callback.items():
            if isinstance(value, str):
                callback[key] = value.replace(old, place)
        callback["best_k_models"] = {
            k.replace(old, place): v for k, v in callback["best_k_models"].items()
        }
    if moved and state is not None:
        WholeFiles().save_checkpoint(state, path)


def quiet() -> None:
    """Silence advice of Lightning's that does not apply, such as that on data in files."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for text in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        r".*isinstance\(treespec, LeafSpec\).*is deprecated.*",
        ".*number of training batches.*smaller than the logging interval.*",
        ".*using `DistributedSampler` with the dataloaders.*",
    ):
        warnings.filterwarnings("ignore", text)

"""Train a network on dynamics.

python -m examples.nbody.train model=egnn_vel norm=geonorm data.n=50 model.layers=5 seed=30 lr=5e-3
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from omegaconf import DictConfig, OmegaConf

from examples.nbody import records
from examples.nbody.divergence import StopOnDivergence
from examples.nbody.module import Dynamics

BEST, LAST = "best", "last"


def configure(overrides: Sequence[str]) -> DictConfig:
    """The configuration that the command line would give, for use in Python.

    Args:
        overrides: as on the command line; with "folder=...".

    Example:
        >>> configure(["norm=geonorm", "folder=/tmp/run"]).model.norm
        'geonorm'
    """
    with hydra.initialize_config_module("examples.nbody.conf", version_base="1.3"):
        return hydra.compose("train", list(overrides))


def run(cfg: DictConfig) -> dict[str, Any]:
    """Train and test, or take up what was begun, or read what was finished.

    Args:
        cfg: from :func:`configure` or the command line.

    Returns:
        What ``results.json`` in the run's folder holds.

    Raises:
        ValueError: the folder holds a run with another configuration.
    """
    folder = Path(cfg.folder)
    if (done := records.finished(folder, cfg)) is not None:
        return done
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    begin = time.perf_counter()
    _quiet()
    data = hydra.utils.instantiate(cfg.data)
    data.prepare_data()
    data.setup()
    baselines = data.baselines()
    seed_everything(cfg.seed, verbose=False)
    options = OmegaConf.to_container(cfg.model, resolve=True)
    module = Dynamics(options, data.node_dim, data.edge_dim, cfg.lr, cfg.weight_decay)  # type: ignore[arg-type]
    limit = math.inf if cfg.stop_above is None else cfg.stop_above * baselines["no_motion"]
    divergence = StopOnDivergence(limit)
    trainer = _trainer(cfg, folder, divergence)
    if trainer.is_global_zero:
        records.start(folder, cfg)
    last = folder / "checkpoints" / f"{LAST}.ckpt"
    resumed = last.exists()
    if not _ended(last, cfg.epochs):
        # weights_only: a checkpoint of ours holds options of norms, not only tensors.
        trainer.fit(module, data, ckpt_path=last if resumed else None, weights_only=False)
    else:
        state = torch.load(last, weights_only=False)
        divergence.load_state_dict(state["callbacks"].get(divergence.state_key, {}))
        module.load_state_dict(state["state_dict"])
    results = {
        **_tested(trainer, module, data, folder),
        "diverged": divergence.step is not None,
        "diverged_step": divergence.step,
        "diverged_where": divergence.where or None,
        "baselines": baselines,
        "epochs": cfg.epochs,
        "steps": trainer.global_step,
        "parameters": sum(p.numel() for p in module.net.parameters()),
        "resumed": resumed,
        "seconds": round(time.perf_counter() - begin, 2),
        "config": records.identity(cfg),
    }
    results = json.loads(json.dumps(_plain(results)))
    if trainer.is_global_zero:
        records.write(folder / records.RESULTS, json.dumps(results, indent=2))
    return results


def load(folder: Path | str, which: str = BEST) -> Dynamics:
    """The trained network of a finished run.

    Args:
        folder: of the run.
        which: "best", by validation error, or "last".
    """
    path = Path(folder) / "checkpoints" / f"{which}.ckpt"
    return Dynamics.load_from_checkpoint(path, map_location="cpu", weights_only=False)


def _trainer(cfg: DictConfig, folder: Path, divergence: StopOnDivergence) -> Trainer:
    every = cfg.validate_every
    best = ModelCheckpoint(
        folder / "checkpoints",
        filename=BEST,
        monitor="val_mse",
        enable_version_counter=False,
        every_n_epochs=every,
    )
    last = ModelCheckpoint(
        folder / "checkpoints",
        filename=LAST,
        enable_version_counter=False,
        every_n_epochs=every,
        save_on_train_epoch_end=True,
        save_top_k=1,
    )
    callbacks: list[Callback] = [divergence, best, last]
    return Trainer(
        **OmegaConf.to_container(cfg.trainer, resolve=True),  # type: ignore[arg-type]
        max_epochs=cfg.epochs,
        check_val_every_n_epoch=every,
        gradient_clip_val=cfg.clip,
        callbacks=callbacks,
        logger=[
            CSVLogger(folder, name="csv"),
            TensorBoardLogger(folder, name="tensorboard"),
        ],
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours deal one process's batches to several
    )


def _ended(last: Path, epochs: int) -> bool:
    """Whether the training was over before and only the test is to be done."""
    if not last.exists():
        return False
    state = torch.load(last, weights_only=False, map_location="cpu")
    diverged = any(
        isinstance(value, dict) and value.get("step") is not None and "where" in value
        for value in state["callbacks"].values()
    )
    return diverged or state["epoch"] + 1 >= epochs


def _tested(trainer: Trainer, module: Dynamics, data: Any, folder: Path) -> dict[str, Any]:
    """Errors of the last weights and of the best ones by validation."""
    found: dict[str, Any] = {"last_test_mse": _test(trainer, module, data, None)}
    best = folder / "checkpoints" / f"{BEST}.ckpt"
    found["test_mse"] = _test(trainer, module, data, best) if best.exists() else None
    found["val_mse"] = None
    if best.exists():
        state = torch.load(best, weights_only=False, map_location="cpu")
        scores = [
            v["best_model_score"]
            for k, v in state["callbacks"].items()
            if "ModelCheckpoint" in k and v.get("best_model_score") is not None and "val_mse" in k
        ]
        found["val_mse"] = float(scores[0]) if scores else None
    return found


def _test(trainer: Trainer, module: Dynamics, data: Any, best: Path | None) -> float:
    result = trainer.test(module, data, ckpt_path=best, verbose=False, weights_only=False)
    return float(result[0]["test_mse"])


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: None."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _quiet() -> None:
    """Advice of Lightning's that does not apply: the data are in memory."""
    for text in (".*does not have many workers.*", ".*already exists and is not empty.*"):
        warnings.filterwarnings("ignore", text)


@hydra.main(config_path="conf", config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> float:
    """The command."""
    results = run(cfg)
    base = results["baselines"]
    shown = "none" if results["test_mse"] is None else f"{results['test_mse']:.4g}"
    print(
        f"test MSE {shown} (no motion {base['no_motion']:.4g}, linear {base['linear']:.4g}); "
        f"results in {cfg.folder}"
    )
    if results["diverged"]:
        print(f"diverged at step {results['diverged_step']}: {results['diverged_where']}")
    return math.inf if results["test_mse"] is None else results["test_mse"]


if __name__ == "__main__":
    main()
    sys.exit()

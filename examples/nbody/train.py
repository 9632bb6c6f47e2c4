"""Train a network on dynamics.

python -m examples.nbody.train model=egnn_vel norm=geonorm data.n=50 model.layers=5 seed=30 lr=5e-3
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

try:
    import hydra
    import torch
    from lightning import LightningDataModule, Trainer, seed_everything
    from lightning.pytorch.utilities import rank_zero_only
except ModuleNotFoundError as missing:
    sys.exit(f"error: no module {missing.name!r}; pip install -e '.[examples]'")
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from examples.nbody import fitting, naming, records
from examples.nbody.divergence import StopOnDivergence
from examples.nbody.fitting import BEST, LAST
from examples.nbody.module import Dynamics

naming.register()


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
        ValueError: the folder holds a run with another configuration, or options do not fit.
    """
    folder = Path(cfg.folder)
    if (done := records.finished(folder, cfg)) is not None:
        return done
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    begin = time.perf_counter()
    fitting.quiet()
    divergence = StopOnDivergence()
    trainer = fitting.make_trainer(cfg, folder, divergence)
    data = hydra.utils.instantiate(cfg.data)
    data.prepare_data()
    data.setup()
    baselines = data.baselines()
    if cfg.stop_above is not None:
        divergence.limit = cfg.stop_above * baselines["no_motion"]
    seed_everything(cfg.seed, verbose=False)
    options = OmegaConf.to_container(cfg.model, resolve=True)
    module = Dynamics(options, data.node_dim, data.edge_dim, cfg.lr, cfg.weight_decay)  # type: ignore[arg-type]
    if trainer.is_global_zero:
        records.start(folder, cfg)
    resumed, steps = _fit(trainer, module, data, divergence, folder)
    results = {
        **_tested(trainer, module, data, folder),
        "diverged": divergence.step is not None,
        "diverged_step": divergence.step,
        "diverged_where": divergence.where or None,
        "baselines": baselines,
        "epochs": cfg.epochs,
        "steps": steps,
        "parameters": sum(p.numel() for p in module.net.parameters()),
        "resumed": resumed,
        "seconds": round(time.perf_counter() - begin, 2),
        "config": records.identity(cfg),
    }
    results = {name: _plain(value) for name, value in results.items()}
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


def _fit(
    trainer: Trainer,
    module: Dynamics,
    data: LightningDataModule,
    divergence: StopOnDivergence,
    folder: Path,
) -> tuple[bool, int]:
    """Train to the end; whether there was a beginning, and the steps taken, with those before."""
    last = folder / "checkpoints" / f"{LAST}.ckpt"
    state = fitting.read_checkpoint(last)
    if trainer.is_global_zero:
        fitting.move(last, state)
    if state is not None and fitting.is_over(state, trainer.max_epochs or 0):
        divergence.load_state_dict(fitting.callback_state(state, type(divergence).__name__))
        module.load_state_dict(state["state_dict"])
        return True, state["global_step"]
    trainer.fit(module, data, ckpt_path=last if state else None, weights_only=False)
    if trainer.interrupted:
        raise KeyboardInterrupt
    if divergence.step is not None:  # between two checkpoints, maybe before the first
        trainer.save_checkpoint(last)
    return state is not None, trainer.global_step


def _tested(
    trainer: Trainer, module: Dynamics, data: LightningDataModule, folder: Path
) -> dict[str, Any]:
    """Errors of the last weights and of the best ones by validation."""
    # A new column would make CSVLogger write its file anew, and a kill tear the whole history.
    trainer.loggers = []
    found: dict[str, Any] = {"last_test_mse": _test(trainer, module, data, None)}
    best = folder / "checkpoints" / f"{BEST}.ckpt"
    state = fitting.read_checkpoint(best)
    found["test_mse"] = None if state is None else _test(trainer, module, data, best)
    score = fitting.callback_state(state or {"callbacks": {}}, "val_mse").get("best_model_score")
    found["val_mse"] = None if score is None else float(score)
    return found


def _test(
    trainer: Trainer, module: Dynamics, data: LightningDataModule, best: Path | None
) -> float:
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


@hydra.main(config_path="conf", config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> float:
    """The command."""
    sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    if sweep and "Basic" not in HydraConfig.get().launcher._target_:
        cfg.trainer.enable_progress_bar = False  # several in one terminal overwrite one another
    try:
        results = run(cfg)
    except (ValueError, TypeError, OSError, hydra.errors.InstantiationException) as error:
        if sweep:  # the other runs go on
            raise
        sys.exit(f"error: {error}")
    report(cfg.folder, results)
    return math.inf if results["test_mse"] is None else results["test_mse"]


@rank_zero_only
def report(folder: str, results: dict[str, Any]) -> None:
    """Print what came out."""
    shown = "none" if results["test_mse"] is None else f"{results['test_mse']:.4g}"
    known = results["baselines"]
    base = [f"{n} {known[n]:.4g}" for n in ("no_motion", "linear") if n in known]
    print(f"test MSE {shown} ({', '.join(base)}); results in {folder}")
    if results["diverged"]:
        print(f"diverged at step {results['diverged_step']}: {results['diverged_where']}")


if __name__ == "__main__":
    # By its name, so that workers of a sweep find the function.
    from examples.nbody.train import main as command

    command()

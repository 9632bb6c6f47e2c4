"""Stops a run whose numbers run away, and says at which step and in which layer they did."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from eqnorm_adapters.monitor import ScaleMonitor


class StopOnDivergence(Callback):
    """Stops before the optimiser takes a step from a loss or gradient that is not finite.

    The weights stay those of the last good step. All processes stop together.

    Args:
        limit: largest training loss that goes on; infinity for any finite one.

    Attributes:
        step: the step, from 1, or None.
        where: the layer, or what else broke.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self.step: int | None = None
        self.where = ""
        self._batch: Any = None
        self._loss = torch.zeros(())

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch = batch

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        self._loss = loss.detach()

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        largest = torch.stack([self._loss.abs().double(), *_largest(gradients)]).tolist()
        bad = not (largest[0] <= self.limit and all(map(math.isfinite, largest)))
        if not trainer.strategy.reduce_boolean_decision(bad, all=False):
            return
        self.step = trainer.global_step + 1
        self.where = self._layer(pl_module, largest[0])
        for parameter in pl_module.parameters():
            parameter.grad = None
        trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "where": self.where}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.where = state["step"], state["where"]

    def _layer(self, module: LightningModule, loss: float) -> str:
        """The first layer with a bad output, else the last with a bad gradient."""
        net: Any = module.net
        bad = [
            name
            for name, layer in reversed(list(net.named_modules()))
            if name.startswith("layers.") and name.count(".") == 1 and _bad_gradient(layer)
        ]
        with torch.no_grad(), ScaleMonitor(net, "layers.*") as monitor:
            module(self._batch)
        if monitor.first_bad is not None:
            return f"output of {monitor.first_bad}"
        if math.isfinite(loss) and bad:
            return f"gradient of {bad[0]}"
        scales = monitor.scales
        peaks = {n: max(part.largest for part in s.values()) for n, s in scales.items()}
        worst = max(peaks, key=lambda name: peaks[name])
        return f"loss {loss:.3g}; largest output {peaks[worst]:.1e}, of {worst}"


def _largest(gradients: list[Tensor]) -> list[Tensor]:
    return [norm.double() for norm in torch._foreach_norm(gradients, math.inf)]


def _bad_gradient(layer: nn.Module) -> bool:
    return any(
        p.grad is not None and not bool(torch.isfinite(p.grad).all()) for p in layer.parameters()
    )

"""Stops a run whose numbers run away, and says at which step and in which layer they did."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.distributed as dist
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from eqnorm_adapters.monitor import ScaleMonitor


class StopOnDivergence(Callback):
    """Stops before the optimiser takes a step from a loss or gradient that is not finite.

    Weights and running statistics stay those of the last good step. All processes stop together.

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
        self._buffers: list[tuple[Tensor, Tensor]] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        net: Any = pl_module.net
        kept = net.state_dict(keep_vars=True).values()
        buffers = [b for b in kept if not isinstance(b, nn.Parameter)]
        self._buffers = [(buffer, buffer.clone()) for buffer in buffers]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch = batch
        for buffer, copy in self._buffers:
            copy.copy_(buffer)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        self._loss = loss.detach()

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        loss = self._loss.abs()
        watched = [loss]
        # A scaler of half precision tries scales out, and skips the steps that overflow itself.
        if getattr(trainer.precision_plugin, "scaler", None) is None:
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            watched.append(nn.utils.get_total_norm(gradients, math.inf, foreach=True).to(loss))
        size, *others = torch.stack(watched).tolist()
        bad = not (size <= self.limit and all(map(math.isfinite, (size, *others))))
        if not trainer.strategy.reduce_boolean_decision(bad, all=False):
            return
        self.step = trainer.global_step + 1
        with trainer.precision_plugin.forward_context():
            self.where = _first(self._layer(pl_module, size))
        for parameter in pl_module.parameters():
            parameter.grad = None
        for buffer, copy in self._buffers:
            buffer.copy_(copy)
        trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "where": self.where}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.where = state["step"], state["where"]

    def _layer(self, module: LightningModule, loss: float) -> tuple[int, str]:
        """The first layer with a bad output, else the last with a bad gradient; most telling: 0."""
        with torch.no_grad(), ScaleMonitor(module.net, "layers.*") as monitor:
            module(self._batch)
        if monitor.first_bad is not None:
            return 0, f"output of {monitor.first_bad}"
        if math.isfinite(loss) and monitor.last_bad_gradient is not None:
            return 1, f"gradient of {monitor.last_bad_gradient}"
        peaks = monitor.largest
        worst = max(peaks, key=lambda name: peaks[name])
        return 2, f"loss {loss:.3g}; largest output {peaks[worst]:.1e}, of {worst}"


def _first(found: tuple[int, str]) -> str:
    """The most telling of what the processes found."""
    everyone: list[Any] = [found]
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        everyone = [None] * dist.get_world_size()
        dist.all_gather_object(everyone, found)
    return str(min(everyone, key=lambda told: told[0])[1])

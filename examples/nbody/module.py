"""The network and how it is trained."""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor
from torchmetrics import MeanMetric

import eqnorm
from examples.nbody.batches import Batch


class Dynamics(LightningModule):
    """A backbone that predicts positions, trained on their mean squared error with Adam.

    Args:
        model: options of :func:`eqnorm.create_model`, with the name under "name".
        node_dim: columns of h.
        edge_dim: columns of edge_attr that there are.
        lr: learning rate.
        weight_decay: of Adam.
    """

    def __init__(
        self, model: dict[str, Any], node_dim: int, edge_dim: int, lr: float, weight_decay: float
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        options = dict(model)
        name, wanted = options.pop("name"), options.pop("edge_dim", None)
        self.used = edge_dim if wanted is None else min(wanted, edge_dim)
        self.net = eqnorm.create_model(name, node_dim=node_dim, edge_dim=self.used, **options)
        self.lr, self.weight_decay = lr, weight_decay
        # "disable": NaN is an answer. Torchmetrics' default leaves it out of the mean.
        self.errors = torch.nn.ModuleDict(
            {split: MeanMetric(nan_strategy="disable") for split in ("val", "test")}
        )

    def forward(self, batch: Batch) -> Tensor:
        """Predicted positions, (N, 3)."""
        edges = batch["edge_attr"][:, : self.used] if self.used else None
        out = self.net(batch["x"], batch["graph"], h=batch["h"], v=batch["v"], edge_attr=edges)
        positions: Tensor = out.x
        return positions

    def training_step(self, batch: Batch) -> Tensor:
        """The mean over the particles of all processes, whatever part of them is here."""
        square = self._square(batch)
        if self.trainer.world_size == 1:
            loss = mean = square.mean()
        else:
            own = square.new_tensor([square.detach().sum(), square.numel()])
            total, count = self.trainer.strategy.reduce(own, reduce_op="sum").tolist()
            # DDP takes the mean of the processes' gradients: times their number it is the sum.
            loss = square.sum() * (self.trainer.world_size / count)
            mean = square.new_tensor(total / count)
        self.log("train_mse", mean.detach())
        return loss

    def validation_step(self, batch: Batch) -> None:
        self._note("val", batch)

    def test_step(self, batch: Batch) -> None:
        self._note("test", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.lr, weight_decay=self.weight_decay)

    def _square(self, batch: Batch) -> Tensor:
        target = batch["target"]
        square: Tensor = (self(batch).to(target.dtype) - target).square()
        return square

    def _note(self, split: str, batch: Batch) -> None:
        metric: Any = self.errors[split]
        metric.update(self._square(batch))  # all of them: "disable" ignores weights
        self.log(f"{split}_mse", metric, batch_size=batch["x"].shape[0])

"""A training loop in plain PyTorch that says when, and in which layer, a network blows up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import nbody
from eqnorm.nbody import Batch
from eqnorm_adapters import ScaleMonitor
from examples.demo.results import Run

TESTS = 10  # times the test error is measured during a run


def build(run: Run, data: nbody.NBodyDataset, seed: int) -> nn.Module:
    """The network of a run; the same seed starts every choice of norms from the same weights."""
    torch.manual_seed(seed)
    return eqnorm.create_model(run.model, node_dim=data.h.shape[-1], **run.options)


def train(
    run: Run,
    model: nn.Module,
    data: nbody.Splits,
    seed: int,
    report: Callable[[int], object] = lambda step: None,
    deadline: float = math.inf,
) -> Run:
    """Train, and note everything in ``run``.

    Args:
        run: what to do; filled in and returned.
        model: the network.
        data: training and test systems.
        seed: of the order of the batches.
        report: called with the number of each finished step.
        deadline: a time (``time.time()``) after which to stop where a test error is due.
    """
    begin = time.process_time()
    run.parameters = sum(p.numel() for p in model.parameters())
    optimiser = torch.optim.Adam(model.parameters(), lr=run.learning_rate, weight_decay=1e-12)
    every = max(1, run.planned_steps // TESTS)
    run.status = "finished"
    _test(run, model, data.test, 0)
    batches = _endless(data.train, run.batch_size, seed)
    with ScaleMonitor(model, "layers.*") as monitor:
        for step in range(1, run.planned_steps + 1):
            batch = next(batches)
            loss = (predict(model, batch) - batch.y).square().mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            run.train_mse.append(finite(loss.item()))
            where = _broken(loss, monitor)
            if where:
                run.status, run.diverged_step, run.diverged_where = "diverged", step, where
                break
            optimiser.step()
            report(step)
            if step % every == 0 or step == run.planned_steps:
                _test(run, model, data.test, step)
                if time.time() > deadline and step < run.planned_steps:
                    run.status, run.reason = "stopped", f"time limit, after step {step}"
                    break
    run.seconds = time.process_time() - begin
    return run


def predict(model: nn.Module, batch: Batch) -> Tensor:
    """Predicted positions, shape (B * N, 3)."""
    graph = eqnorm.Graph.complete(batch.num_graphs, batch.num_nodes)
    # Charge product and squared distance; a network that expands distances itself takes the first.
    edges = batch.edge_attr[:, : model.edge_dim]
    out: Tensor = model(batch.x, graph, h=batch.h, v=batch.v, edge_attr=edges).x
    return out


def finite(value: float) -> float | None:
    """The number, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None


def _test(run: Run, model: nn.Module, data: nbody.NBodyDataset, step: int) -> None:
    total = 0.0
    with torch.no_grad():
        for batch in data.batches(50):
            total += (predict(model, batch) - batch.y).square().mean(-1).double().sum().item()
    run.test_steps.append(step)
    run.test_mse.append(finite(total / (len(data) * data.num_particles)))


def _broken(loss: Tensor, monitor: ScaleMonitor) -> str:
    """Where the numbers ceased to be finite, or nothing."""
    if not bool(torch.isfinite(loss)):
        site = monitor.first_bad
        return f"output of {_layer(site)}" if site else "mean squared error"
    site = monitor.last_bad_gradient
    return f"gradient of {_layer(site)}" if site else ""


def _layer(site: str) -> str:
    """``layers.2`` as readers count: the third."""
    return f"layer {int(site.rpartition('.')[2]) + 1}"


def _endless(data: nbody.NBodyDataset, size: int, seed: int) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from data.batches(size, shuffle=True, generator=generator, drop_last=True)

"""What a norm adds to a training step: a ratio, both sides timed in turns in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch

import eqnorm
from eqnorm import nbody
from examples.demo.train import predict
from examples.leaderboard.entries import MODEL, Entry

ROUNDS = 7


def measure(
    chosen: list[Entry], data: nbody.NBodyDataset, hidden: int
) -> Iterator[tuple[str, float]]:
    """Median time of a training step over that without norm, for each entry's group.

    One thread, 5 layers, 10 systems; every round times the entry and the plain network one after
    the other.
    """
    torch.set_num_threads(1)
    batch = next(iter(data.batches(10)))
    plain = _step(Entry("no norm", "-"), batch, hidden)
    for entry in chosen:
        own = _step(entry, batch, hidden)
        ratios = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            plain()
            middle = time.perf_counter()
            own()
            ratios.append((time.perf_counter() - middle) / (middle - begin))
        yield f"{entry.slot}: {entry.name}", statistics.median(ratios)


def _step(entry: Entry, batch: nbody.Batch, hidden: int) -> Callable[[], None]:
    torch.manual_seed(0)
    options = {"hidden": hidden, "layers": 5, **entry.options}
    model = eqnorm.create_model(MODEL, node_dim=batch.h.shape[-1], edge_dim=2, **options)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        (predict(model, batch) - batch.y).square().mean().backward()
        optimiser.step()

    step()
    return step

"""Data sets of pairs (state at one frame, positions at a later one), as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import checks
from .batch import Batch, collate, complete_edges, edge_attributes
from .tasks import task_frames
from .trajectories import Trajectories

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FEATURES = ("charge", "ones", "speed")


class Item(NamedTuple):
    """One system: x, v, y (N, 3), h (N, F), edge_attr (N(N-1), 2), charges (N, 1)."""

    x: Tensor
    v: Tensor
    h: Tensor
    edge_attr: Tensor
    charges: Tensor
    y: Tensor


class NBodyDataset:
    """Pairs of frames of simulated systems, a map-style data set for `torch.utils.data`.

    Args:
        trajectories: The simulation.
        task: A name of `TASKS` or a pair of frames (input, target).
        features: What h holds, one name or several, a column each: "speed" (|v|, as in EGNN's
            N-body experiment), "charge", "ones".
        center: Whether to subtract the centre of the input positions from x and y, in float64
            before casting: far from the origin this keeps what float32 would lose.
        dtype: Of the tensors; default torch.float32.
        limit: Use at most so many trajectories, the first ones.

    Attributes:
        x, v, y: Input positions, input velocities, target positions, (M, N, 3).
        h: Node features, (M, N, F).
        charges: (M, N, 1).

    Edge attributes are the charge product q_i q_j and the squared distance |x_i - x_j|^2, as in
    EGNN's experiment, in the order of `eqnorm.Graph.complete`: graph by graph, by receiver i, then
    by sender j != i. They are made when asked for: at N = 100 they would be most of the memory.

    Source: Satorras et al. 2021 (arXiv:2102.09844), section 5.1.
    """

    def __init__(
        self,
        trajectories: Trajectories,
        task: str | Sequence[int] = "nbody_small",
        *,
        features: str | Sequence[str] = "speed",
        center: bool = False,
        dtype: torch.dtype | None = None,
        limit: int | None = None,
    ) -> None:
        import torch

        if not isinstance(trajectories, Trajectories):
            raise TypeError(
                f"trajectories must be Trajectories, got {type(trajectories).__name__}; "
                "make them with simulate, load_or_simulate or load_official"
            )
        if limit is not None:
            trajectories = trajectories[: checks.integer("limit", limit, minimum=1)]
        self.task = task_frames(task)
        self.features = (features,) if isinstance(features, str) else tuple(features)
        for name in self.features:
            checks.choice("features", name, FEATURES)
        if not self.features:
            raise ValueError("features must name at least one, got none; for example 'ones'")
        dtype = torch.float32 if dtype is None else dtype
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise TypeError(f"dtype must be a floating torch dtype, got {dtype}; e.g. float32")
        x, v = trajectories.at(self.task[0])
        y, _ = trajectories.at(self.task[1])
        if center:
            middle = x.mean(axis=1, keepdims=True)
            x, y = x - middle, y - middle
        columns = {
            "charge": trajectories.charges,
            "ones": np.ones_like(trajectories.charges),
            "speed": np.sqrt((v**2).sum(axis=2)),
        }

        def tensor(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Tensor:
            return torch.tensor(np.ascontiguousarray(array), dtype=dtype)

        self.x, self.v, self.y = tensor(x), tensor(v), tensor(y)
        self.h = tensor(np.stack([columns[name] for name in self.features], axis=-1))
        self.charges = tensor(trajectories.charges[..., None])

    @property
    def num_particles(self) -> int:
        """N."""
        return self.x.shape[1]

    @property
    def edge_index(self) -> Tensor:
        """Edges of one system in the order of `edge_attr`, PyG's way: (senders, receivers)."""
        receivers, senders = complete_edges(self.num_particles)
        import torch

        return torch.stack((senders, receivers))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Item:
        number = checks.integer("index", index, minimum=-len(self))
        if number >= len(self):  # IndexError: how Python's iteration knows the end
            raise IndexError(f"index must be less than {len(self)}, got {number}")
        x, charges = self.x[number], self.charges[number]
        edges = edge_attributes(x[None], charges[None])[0]
        return Item(x, self.v[number], self.h[number], edges, charges, self.y[number])

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
    ) -> Iterator[Batch]:
        """Yields flat batches once through the data, without a DataLoader's overhead.

        Args:
            batch_size: B, systems in a batch.
            shuffle: Whether to draw a new order.
            generator: Source of that order; default, torch's global one.
            drop_last: Whether to leave out a last batch of fewer than B.
        """
        import torch

        size = checks.integer("batch_size", batch_size, minimum=1)
        order = torch.randperm(len(self), generator=generator) if shuffle else None
        for begin in range(0, len(self), size):
            if drop_last and begin + size > len(self):
                return
            part = slice(begin, begin + size)
            index = part if order is None else order[part]
            yield collate(
                self.x[index], self.v[index], self.h[index], self.charges[index], self.y[index]
            )

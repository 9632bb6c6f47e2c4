"""What the norms of an attachment need of the model's arguments, kept while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters.attachment.arguments import Argument, build_graph


@dataclass
class Frame:
    """What one call of the model was given.

    Attributes:
        points: initial points, or None.
        velocities: initial velocities, or None.
        batch: what says which graph a node is in.
        num_graphs: B, or None if it must be found.
        outer: the call that this one is inside of, where a model calls itself.
        graph: made from ``batch`` when first needed, once a call.
        size: number of rows that ``graph`` was made for.
        before: by submodule, the points that went into it.
    """

    points: Tensor | None
    velocities: Tensor | None
    batch: Any
    num_graphs: int | None
    outer: Frame | None
    graph: Graph | None = None
    size: int = -1
    before: dict[str, Tensor] = field(default_factory=dict)

    def graph_of(self, x: Tensor) -> Graph | None:
        """The graph of the rows of ``x``."""
        if self.size != x.shape[:-1].numel():
            self.graph = build_graph(self.batch, x, self.num_graphs)
            self.size = x.shape[:-1].numel()
        return self.graph


class Capture:
    """Reads what norms need from a model's arguments, and keeps it while the model runs.

    One object serves all hooks of an attachment. A frame belongs to a thread, so that a model
    may run in several at once (as under DataParallel, whose replicas share their hooks); it is
    no part of copies and pickles. The hooks hold no module: each is handed the one it is called
    for, so that copies of a model use their own norms.
    """

    def __init__(
        self,
        name: str,
        points: Argument | None,
        velocities: Argument | None,
        batch: Argument | Graph | int | None,
        num_graphs: Argument | int | None,
    ) -> None:
        self.name = name
        self.points = points
        self.velocities = velocities
        self.batch = batch
        self.num_graphs = num_graphs
        self._local = threading.local()

    @property
    def frame(self) -> Frame | None:
        """What the model that runs in this thread was given, or None if none runs."""
        found: Frame | None = getattr(self._local, "frame", None)
        return found

    def enter(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin a call."""
        batch, count = self.batch, self.num_graphs
        self._local.frame = Frame(
            points=own_copy(self.points, args, kwargs),
            velocities=own_copy(self.velocities, args, kwargs),
            batch=batch.read(args, kwargs) if isinstance(batch, Argument) else batch,
            num_graphs=count.read(args, kwargs) if isinstance(count, Argument) else count,
            outer=self.frame,
        )

    def leave(self) -> None:
        """End a call, whether it returned or raised."""
        frame = self.frame
        self._local.frame = None if frame is None else frame.outer

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._local = threading.local()


def own_copy(argument: Argument | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A copy: models may write into their arguments, as the official EGNN does."""
    if argument is None:
        return None
    value = argument.read(args, kwargs)
    if not isinstance(value, Tensor):
        raise ValueError(
            f"{argument.label}={argument.name!r} must be a tensor of shape (N, 3), got "
            f"{type(value).__name__}; forward takes {argument.known}"
        )
    return value.clone()

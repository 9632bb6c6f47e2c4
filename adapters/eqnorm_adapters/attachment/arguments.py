"""What a model's forward is given: finding an argument, and the graph of every node."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters.attachment.parts import Part, PartLike, parse_parts, read_part

Reader: TypeAlias = Callable[..., Any]
ArgumentLike: TypeAlias = PartLike | Reader


@dataclass(frozen=True)
class Argument:
    """One argument of a forward, or a part of one, or a function of all of them.

    Attributes:
        label: the keyword of ``attach`` that asked for it, used in errors.
        name: the argument's, or None if it is known by position only.
        position: its index among positional arguments, or None if it has none.
        parts: the part of it that is wanted.
        default: what forward does without it.
        reader: called with all arguments instead.
        known: the arguments of forward, for errors.
    """

    label: str
    name: str | None = None
    position: int | None = None
    parts: tuple[Part, ...] = ()
    default: Any = inspect.Parameter.empty
    reader: Reader | None = None
    known: str = ""

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Its value in a call.

        Raises:
            ValueError: the call does not give it, or it has no such part.
        """
        if self.reader is not None:
            return self.reader(*args, **kwargs)
        if self.name is not None and self.name in kwargs:
            value = kwargs[self.name]
        elif self.position is not None and self.position < len(args):
            value = args[self.position]
        elif self.default is not inspect.Parameter.empty:
            value = self.default
        else:
            raise ValueError(
                f"{self.label}={self.name or self.position!r}: the model was called without this "
                f"argument (with {len(args)} positional and {sorted(kwargs)}); forward takes "
                f"{self.known}"
            )
        if value is None or not self.parts:
            return value
        return read_part(value, self.parts, f"{self.label}: argument {self.name!r}")


def find_argument(model: nn.Module, wanted: ArgumentLike | None, label: str) -> Argument | None:
    """Find an argument of ``model.forward`` by name or position.

    Raises:
        ValueError: forward has no such argument; the message lists those that it has.
        TypeError: ``wanted`` is of another kind.
    """
    if wanted is None:
        return None
    if callable(wanted):
        return Argument(label, reader=wanted)
    first, *rest = parse_parts(wanted, label)
    parameters = list(inspect.signature(model.forward).parameters.values())
    known = forward_arguments(model)
    free = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    ordered = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if isinstance(first, slice):
        raise TypeError(f"{label} must begin with the name of an argument, got {first}")
    if isinstance(first, int):
        if not 0 <= first < len(ordered):
            if first >= 0 and any(p.kind is p.VAR_POSITIONAL for p in free):
                return Argument(label, position=first, parts=tuple(rest), known=known)
            raise ValueError(f"{label}={first}: forward has no such position; it takes {known}")
        first = ordered[first].name
    for index, parameter in enumerate(ordered):
        if parameter.name == first:
            return Argument(
                label, first, index, tuple(rest), default=parameter.default, known=known
            )
    for parameter in parameters:
        if parameter.name == first and parameter.kind is parameter.KEYWORD_ONLY:
            return Argument(label, first, None, tuple(rest), default=parameter.default, known=known)
    if any(p.kind is p.VAR_KEYWORD for p in free):
        return Argument(label, first, None, tuple(rest), known=known)
    near = difflib.get_close_matches(first, [p.name for p in parameters], n=2)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    raise ValueError(
        f"{label}={first!r}: {type(model).__name__}.forward has no such argument{hint} "
        f"It takes {known}"
    )


def forward_arguments(model: nn.Module) -> str:
    """The arguments of ``model.forward``, for errors.

    Example:
        >>> forward_arguments(nn.Linear(2, 2))
        'input'
    """
    signs: dict[Any, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    parameters = inspect.signature(model.forward).parameters.values()
    return ", ".join(signs.get(p.kind, "") + p.name for p in parameters) or "no arguments"


def equal_graphs(num_graphs: int, size: int, device: torch.device) -> Graph:
    """B graphs of ``size`` nodes each, one after the other, without edges."""
    batch = torch.arange(num_graphs, device=device)[:, None].expand(-1, size).flatten()
    counts = torch.full((num_graphs,), size, dtype=torch.int64, device=device)
    return Graph(batch, counts, True, None, None, torch.zeros_like(batch))


def build_graph(given: Any, x: Tensor, num_graphs: int | None) -> Graph | None:
    """The graph that each row of ``x`` belongs to.

    Args:
        given: a Graph; a PyTorch Geometric batch vector (N,); a bool mask (B, n) of a padded
            layout; a number of nodes per graph; or None, for one graph, or in a dense layout
            for one per entry of the first dimension.
        x: shape (N, D), or (B, n, D) in a dense layout.
        num_graphs: B, where ``given`` is a batch vector; None to find it, which waits for the
            device.

    Raises:
        ValueError: ``given`` does not fit ``x``.
        TypeError: ``given`` is of another kind.
    """
    if isinstance(given, Graph):
        return given
    if isinstance(given, Tensor):
        if given.dtype == torch.bool:
            if given.shape != x.shape[:-1] or given.dim() != 2:
                raise ValueError(
                    f"batch is a mask of shape {tuple(given.shape)}, which must be (B, n) for an "
                    f"output of shape (B, n, D); the output is {tuple(x.shape)}"
                )
            dense = equal_graphs(given.shape[0], given.shape[1], given.device)
            counts = given.sum(1)
            return Graph(dense.batch, counts, True, None, None, dense.degrees, given.flatten())
        return Graph.from_batch(given, num_graphs, validate=num_graphs is None)
    if given is None:
        return None if x.dim() == 2 else equal_graphs(x.shape[0], x.shape[1], x.device)
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(
            "batch must be, or name, a batch vector (LongTensor of shape (N,)), an eqnorm.Graph, "
            "a bool mask (B, n), a number of nodes per graph, or None for one graph, got "
            f"{type(given).__name__}"
        )
    nodes = x.shape[:-1].numel()
    if given < 1 or nodes % given:
        raise ValueError(
            f"batch={given} nodes per graph does not divide the {nodes} rows of the output"
        )
    return equal_graphs(nodes // given, given, x.device)

"""What the user declares: types of the arguments and outputs, matched with the signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from e3nn import o3
from torch import nn

from eqnorm.types import GeometricType, parse_type

SPECIAL = ("edge_index", "batch", "graph")
LEVELS = ("node", "edge", "graph")


@dataclass(frozen=True)
class Slot:
    """One declared tensor.

    Attributes:
        name: of the argument, or of the output (its field or position; "" for a lone tensor).
        role: ``"tensor"``, ``"edge_index"``, ``"batch"``, ``"graph"`` or ``"fixed"`` (None).
        kind: the geometric type, for tensors.
        level: whether it has a row per node, edge or graph; None where found from its rows.
    """

    name: str
    role: str
    kind: GeometricType | None = None
    level: str | None = None

    @property
    def label(self) -> str:
        """The declaration, as the user may write it."""
        if self.kind is None:
            return self.role
        prefix = f"{self.level}:" if self.level in ("edge", "graph") else ""
        return prefix + self.kind.name


def parse_slot(value: Any, name: str, argument: str) -> Slot:
    """Read ``"points"``, irreps, ``"edge:2x0e"``, ``"graph:1o"``, a role name, or None."""
    if value is None:
        return Slot(name, "fixed")
    if isinstance(value, str):
        text = value.strip()
        if text in SPECIAL:
            return Slot(name, text)
        prefix, colon, rest = text.partition(":")
        if colon:
            if prefix not in LEVELS:
                raise ValueError(
                    f"{argument}={value!r}: before the colon stands node, edge or graph, "
                    f"got {prefix!r}; write for example 'edge:2x0e'"
                )
            return Slot(name, "tensor", parse_type(rest, argument), prefix)
    return Slot(name, "tensor", parse_type(value, argument))


def parse_inputs(inputs: Any) -> tuple[Slot, ...]:
    """Read ``inputs={name: type}``; tensors without a level have one row per node."""
    if not isinstance(inputs, Mapping) or not inputs:
        raise TypeError(
            "inputs must map argument names to types, such as {'pos': 'points', 'h': '4x0e'}, "
            f"got {inputs!r}"
        )
    slots = []
    for name, value in inputs.items():
        slot = parse_slot(value, str(name), f"inputs[{name!r}]")
        if slot.role == "tensor" and slot.level is None:
            slot = Slot(slot.name, slot.role, slot.kind, "node")
        slots.append(slot)
    return tuple(slots)


def parse_output(output: Any) -> Any:
    """Read ``output``: a type, None, or a tuple, list or mapping of outputs, to any depth.

    Returns:
        A Slot, or a tuple or dict of such.
    """
    return _parse_output(output, "", "output")


def _parse_output(output: Any, name: str, argument: str) -> Any:
    dotted = f"{name}." if name else ""
    if hasattr(output, "_asdict"):
        output = output._asdict()
    if isinstance(output, Mapping):
        return {
            key: _parse_output(value, f"{dotted}{key}", f"{argument}[{key!r}]")
            for key, value in output.items()
        }
    if isinstance(output, (tuple, list)) and not isinstance(output, (o3.Irreps, o3.Irrep)):
        return tuple(
            _parse_output(value, f"{dotted}{index}", f"{argument}[{index}]")
            for index, value in enumerate(output)
        )
    slot = parse_slot(output, name, argument)
    if slot.role in SPECIAL:
        raise ValueError(f"{argument}={output!r}: an output must be 'points', irreps or None")
    return slot


def slots_of(output: Any) -> list[Slot]:
    """All slots of a parsed output that are checked."""
    if isinstance(output, Slot):
        return [] if output.role == "fixed" else [output]
    values = output.values() if isinstance(output, dict) else output
    return [slot for value in values for slot in slots_of(value)]


def match_signature(fn: Callable[..., Any], slots: tuple[Slot, ...]) -> bool:
    """Check that the declared names are arguments of ``fn`` and that none is missing.

    Returns:
        Whether arguments can be passed by name; else they go by position, in order.

    Raises:
        TypeError: ``fn`` is not callable, a name is no argument of it, or one is missing.
    """
    if not callable(fn):
        raise TypeError(f"fn must be a function or module, got {type(fn).__name__}")
    target = fn.forward if isinstance(fn, nn.Module) else fn
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
    given = {slot.name for slot in slots}
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [name for name, p in parameters.items() if p.kind in by_name]
    shown = ", ".join(parameters) or "no arguments"
    what = f"{getattr(fn, '__name__', type(fn).__name__)}({shown})"
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    if any(p.kind in positional for p in parameters.values()) and not given & set(named):
        return False
    unknown = sorted(given - set(named))
    if unknown and not open_ended:
        raise TypeError(
            f"inputs names {', '.join(map(repr, unknown))}, but the function is {what}; "
            "use its own argument names"
        )
    missing = [
        name
        for name in named
        if parameters[name].default is inspect.Parameter.empty and name not in given
    ]
    if missing:
        raise TypeError(
            f"inputs lacks {', '.join(map(repr, missing))}, needed by {what}; declare a type for "
            "each, or None with a value in sample"
        )
    return True

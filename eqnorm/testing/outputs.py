"""Reading what a model returns: declared tensors, checked for type and shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing.declare import Slot, slots_of
from eqnorm.testing.structure import Structure
from eqnorm.types import GeometricType


@dataclass(frozen=True, eq=False)
class Field:
    """One checked output tensor.

    Attributes:
        name: its path in the output, "" for a lone tensor.
        value: shape (rows, D).
        kind: its declared type.
        level: what its rows are: node, edge or graph.
    """

    name: str
    value: Tensor
    kind: GeometricType
    level: str

    @property
    def title(self) -> str:
        """For messages."""
        return f"output {self.name!r}" if self.name else "the output"


Levels = Mapping[str, str]


def read_outputs(returned: Any, declared: Any, structure: Structure, levels: Levels) -> list[Field]:
    """The declared tensors in what the model returned.

    Args:
        returned: by the model.
        declared: slots, as parsed.
        structure: of the input.
        levels: what the rows of outputs were found to be before, by name.

    Raises:
        TypeError: something is missing, or is no floating-point tensor.
        ValueError: a shape that does not fit the declared type.
    """
    fields: list[Field] = []
    _read(returned, declared, structure, levels, fields)
    return fields


def _read(
    returned: Any, declared: Any, structure: Structure, levels: Levels, fields: list[Field]
) -> None:
    if isinstance(declared, Slot):
        if declared.role != "fixed":
            fields.append(_field(returned, declared, structure, levels))
        return
    if isinstance(declared, dict):
        for key, part in declared.items():
            if slots_of(part):
                _read(_item(returned, key), part, structure, levels, fields)
        return
    if not isinstance(returned, (tuple, list)):
        raise TypeError(
            f"output declares {len(declared)} tensors, but the model returned "
            f"{_describe(returned)}; declare a single type, or a mapping of names for an object"
        )
    if len(returned) != len(declared):
        raise TypeError(
            f"output declares {len(declared)} tensors, but the model returned {len(returned)}; "
            "use None for those not to be checked"
        )
    for value, part in zip(returned, declared, strict=True):
        _read(value, part, structure, levels, fields)


def _item(returned: Any, key: Any) -> Any:
    if isinstance(returned, Mapping) and key in returned:
        return returned[key]
    named = isinstance(key, str) and not isinstance(returned, (Tensor, Mapping))
    if named and hasattr(returned, key):
        return getattr(returned, key)
    if isinstance(key, int) and isinstance(returned, (tuple, list)) and key < len(returned):
        return returned[key]
    raise TypeError(
        f"output declares {key!r}, but the model returned {_describe(returned)}; "
        "declare the names or positions it has"
    )


def _field(value: Any, slot: Slot, structure: Structure, levels: Levels) -> Field:
    title = f"output {slot.name!r}" if slot.name else "output"
    assert slot.kind is not None
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{title} is declared {slot.label!r}, but the model returned {_describe(value)}; "
            "declare None for what is not to be checked"
            + (", or a tuple or mapping of types" if isinstance(value, (tuple, dict)) else "")
        )
    if not value.is_floating_point():
        raise TypeError(f"{title} must be a floating-point tensor, got {value.dtype}")
    width = slot.kind.dim
    if value.dim() == 0 and width == 1:
        value = value.reshape(1, 1)
    elif value.dim() == 1 and width == 1 and slot.level != "graph" and value.shape[0] != 1:
        value = value[:, None]
    elif value.dim() == 1 and value.shape[0] == width:
        value = value[None]
    elif value.dim() == 1 and width == 1:
        value = value[:, None]
    counts = {level: structure.rows(level) for level in ("node", "graph", "edge")}
    if value.dim() != 2 or value.shape[1] != width:
        raise ValueError(
            f"{title} is declared {slot.label!r}, whose last dimension is {width}, but has shape "
            f"{tuple(value.shape)}; declare the type it has"
        )
    level = slot.level or levels.get(slot.name)
    if slot.level is None and (level is None or counts[level] != value.shape[0]):
        level = next((name for name, rows in counts.items() if rows == value.shape[0]), None)
    if level is None or counts[level] != value.shape[0]:
        rows = ", ".join(f"{number} {name}s" for name, number in counts.items())
        raise ValueError(
            f"{title} has {value.shape[0]} rows, but the input has {rows}; an output has one row "
            "per node, graph or edge"
        )
    return Field(slot.name, value, slot.kind, level)


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(repr, value))}"
    names = getattr(value, "_fields", None)
    if names is None and dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    if names is not None:
        return f"{type(value).__name__}({', '.join(names)})"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def finite(fields: list[Field]) -> bool:
    """Whether all values are finite."""
    return all(bool(torch.isfinite(field.value).all()) for field in fields)

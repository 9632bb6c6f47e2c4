"""Parts of nested values: read one, replace one, and say which there are."""

from __future__ import annotations

import copy
import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

Part: TypeAlias = str | int | slice
PartLike: TypeAlias = Part | tuple[Part, ...]


def parse_parts(path: PartLike | None, argument: str) -> tuple[Part, ...]:
    """Read a path: None is the whole, ``"data.pos"`` the part ``pos`` of ``data``.

    Raises:
        TypeError: a step is neither a name, an index nor a slice.

    Example:
        >>> parse_parts("data.0.pos", "points"), parse_parts(None, "output")
        (('data', 0, 'pos'), ())
    """
    if path is None:
        return ()
    steps = path if isinstance(path, tuple) else (path,)
    found: list[Part] = []
    for step in steps:
        if isinstance(step, bool) or not isinstance(step, (str, int, slice)):
            raise TypeError(
                f"{argument} must be a name, an index, a slice of columns, or a tuple of these, "
                f"got {type(step).__name__}"
            )
        if isinstance(step, str):
            found += [int(s) if s.lstrip("-").isdigit() else s for s in step.split(".")]
        else:
            found.append(step)
    return tuple(found)


def read_part(value: Any, parts: tuple[Part, ...], what: str) -> Any:
    """Walk into ``value``: keys of mappings, indices, attributes, slices of columns.

    Raises:
        ValueError: there is no such part; the message, which begins with ``what``, lists those
            that there are.
    """
    whole = value
    for part in parts:
        try:
            value = _step(value, part)
        except (KeyError, IndexError, AttributeError, TypeError):
            raise ValueError(missing_part(whole, value, parts, part, what)) from None
    return value


def replace_part(value: Any, parts: tuple[Part, ...], new: Any) -> Any:
    """``value`` with one part exchanged; containers are copied, never written into."""
    if not parts:
        return new
    part, rest = parts[0], parts[1:]
    if rest:
        new = replace_part(_step(value, part), rest, new)
    if isinstance(part, slice):
        first, last, _ = part.indices(value.shape[-1])
        return torch.cat([value[..., :first], new, value[..., last:]], dim=-1)
    if isinstance(value, tuple):
        if isinstance(part, str):
            return value._replace(**{part: new})  # type: ignore[attr-defined]
        items = list(value)
        items[part] = new
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return tuple(items) if type(value) is tuple else type(value)(items)
    if dataclasses.is_dataclass(value) and not hasattr(value, "keys"):
        return dataclasses.replace(value, **{str(part): new})  # type: ignore[type-var]
    own = copy.copy(value)
    if isinstance(value, (list, dict)) or (hasattr(value, "keys") and part in value):
        own[part] = new
    else:
        setattr(own, str(part), new)
    return own


def describe_parts(value: Any) -> str:
    """The parts of a value and what they are, for errors.

    Example:
        >>> describe_parts((torch.zeros(5, 3), None))
        '0: tensor (5, 3); 1: None'
    """
    named = _parts_of(value)
    if not named:
        return f"one {_kind(value)}"
    return "; ".join(f"{name!r}: {_kind(part)}" for name, part in named.items())


def missing_part(whole: Any, inner: Any, parts: tuple[Part, ...], part: Part, what: str) -> str:
    """The message for a part that is not there."""
    choices = [str(name) for name in _parts_of(inner)]
    near = difflib.get_close_matches(str(part), choices, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    where = "it" if inner is whole else f"its part {_written(parts[: parts.index(part)])}"
    return f"{what} has no part {_written(parts)}{hint} {where} has {describe_parts(inner)}"


def _written(parts: tuple[Part, ...]) -> str:
    return repr(parts[0]) if len(parts) == 1 else repr(".".join(map(str, parts)))


def _step(value: Any, part: Part) -> Any:
    if isinstance(part, slice):
        if not isinstance(value, Tensor):
            raise TypeError("only tensors have columns")
        return value[..., part]
    if isinstance(value, dict):
        return value[part]
    if isinstance(part, int):
        if isinstance(value, Tensor):
            raise TypeError("a row of a tensor is not a part")
        return value[part]
    if hasattr(value, part):
        return getattr(value, part)
    return value[part]


def _parts_of(value: Any) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "_asdict"):
        return {**value._asdict(), **dict(enumerate(value))}
    if isinstance(value, (tuple, list)):
        return dict(enumerate(value))
    if isinstance(value, Tensor) or not hasattr(value, "__dict__"):
        return {}
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):  # PyTorch Geometric's Data
        keys = value.keys() if callable(value.keys) else value.keys
        return {key: value[key] for key in keys}
    return {key: part for key, part in vars(value).items() if not key.startswith("_")}


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    return "None" if value is None else type(value).__name__

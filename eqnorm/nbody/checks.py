"""Checks of arguments, with messages that say what was expected, what came, and the fix."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable


def integer(name: str, value: object, *, minimum: int, maximum: int | None = None) -> int:
    """Returns `value` as an int within [minimum, maximum], or raises an error that names it."""
    bounds = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer {bounds}, got {value!r}; pass a number")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{name} must be an integer {bounds}, got {value!r} ({type(value).__name__}); "
            f"pass int({name}) if it is a whole number"
        ) from None
    if number < minimum or (maximum is not None and number > maximum):
        raise ValueError(f"{name} must be {bounds}, got {number}; choose a value in that range")
    return number


def real(name: str, value: object, *, minimum: float, strict: bool = False) -> float:
    """Returns `value` as a finite float >= minimum (> if strict), or raises."""
    bound = f"{'greater than' if strict else 'at least'} {minimum:g}"
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be a number {bound}, got {value!r} ({type(value).__name__}); pass a float"
        ) from None
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        raise ValueError(
            f"{name} must be finite and {bound}, got {number!r}; choose a value in that range"
        )
    return number


def choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Returns `value` if it is one of `choices`, or raises with the closest match."""
    known = sorted(choices)
    listed = ", ".join(repr(item) for item in known)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {listed}, got {value!r} ({type(value).__name__})")
    if value not in known:
        close = difflib.get_close_matches(value, known, n=1)
        fix = f"; did you mean {close[0]!r}?" if close else "; choose one of those"
        raise ValueError(f"{name} must be one of {listed}, got {value!r}{fix}")
    return value

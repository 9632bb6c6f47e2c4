"""How specs write the type that a norm is for, and which of them serve a type."""

from __future__ import annotations

from eqnorm.types import GeometricType


def served_by(kind: GeometricType) -> tuple[str, ...]:
    """Registration types that serve ``kind``, most particular first."""
    if kind.irreps is None:
        return ("points",)
    return (registered_as(kind), "irreps")


def registered_as(kind: GeometricType) -> str:
    """A type as specs write it: ``"1o"`` rather than e3nn's ``"1x1o"``."""
    if kind.irreps is None:
        return kind.name
    simple = kind.irreps.simplify()
    return str(simple[0].ir) if len(simple) == 1 and simple[0].mul == 1 else str(simple)

"""Symmetries a norm or a model can have, and the named groups made of them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable


class Symmetry(enum.Flag):
    """A set of geometric symmetries of three-dimensional space.

    ``f`` is *equivariant* to a symmetry when transforming its inputs transforms
    its outputs the same way: ``f(R x + t) = R f(x) + t`` for points.

    ========== =============================== =============================
    name        elements                        made of
    ========== =============================== =============================
    ``SO3``     rotations, det R = +1           ``ROTATION``
    ``O3``      rotations and reflections       ``ROTATION | REFLECTION``
    ``SE3``     rotations and translations      ``ROTATION | TRANSLATION``
    ``E3``      all of them                     ``O3 | TRANSLATION``
    ========== =============================== =============================

    Example:
        >>> Symmetry.SE3 == Symmetry.ROTATION | Symmetry.TRANSLATION
        True
        >>> Symmetry.parse("SE(3)").label
        'SE3'
        >>> (Symmetry.E3 & ~Symmetry.TRANSLATION).label
        'O3'
    """

    NONE = 0
    ROTATION = enum.auto()
    REFLECTION = enum.auto()
    TRANSLATION = enum.auto()
    SO3 = ROTATION
    O3 = ROTATION | REFLECTION
    SE3 = ROTATION | TRANSLATION
    E3 = ROTATION | REFLECTION | TRANSLATION

    @classmethod
    def parse(cls, value: SymmetryLike) -> Symmetry:
        """Read a symmetry from a name, several names, or a ``Symmetry``.

        Args:
            value: ``"SE3"`` (case, brackets, ``-``, ``_`` and spaces ignored),
                ``"rotation+translation"``, a list of such names, a ``Symmetry``, or
                None for no symmetry at all.

        Raises:
            ValueError: a name is not known; the message lists those that are.
            TypeError: ``value`` is none of the kinds above.
        """
        if value is None:
            return cls.NONE
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            parts = re.split(r"[+|,]", value)
            if len(parts) > 1:
                return cls.parse(parts)
            key = re.sub(r"[\s()_\-]", "", value).upper()
            if key in _BY_NAME:
                return _BY_NAME[key]
            choices = ", ".join(sorted(_BY_NAME))
            raise ValueError(f"unknown symmetry {value!r}; choose from {choices}")
        if isinstance(value, Iterable):
            result = cls.NONE
            for part in value:
                result |= cls.parse(part)
            return result
        raise TypeError(
            "a symmetry must be a name such as 'SE3', a list of names or a Symmetry, "
            f"got {type(value).__name__}"
        )

    @property
    def label(self) -> str:
        """The group's usual name, or the symmetries joined by ``+``; ``"none"`` if empty."""
        if self in _LABELS:
            return _LABELS[self]
        return "+".join(str(part.name).lower() for part in self)


SymmetryLike = Symmetry | str | Iterable["Symmetry | str"] | None

_BY_NAME: dict[str, Symmetry] = {
    **dict(Symmetry.__members__.items()),
    "T3": Symmetry.TRANSLATION,
}
_LABELS: dict[Symmetry, str] = {
    Symmetry.NONE: "none",
    Symmetry.SO3: "SO3",
    Symmetry.O3: "O3",
    Symmetry.SE3: "SE3",
    Symmetry.E3: "E3",
    Symmetry.TRANSLATION: "T3",
}

"""What is registered under a name, and which names there are."""

from __future__ import annotations

import fnmatch

from eqnorm._table import normalise
from eqnorm.registry import _served, _tables
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.types import TypeLike, parse_type


def norm_spec(name: str, on: TypeLike) -> NormSpec:
    """The spec of a norm by name and type.

    Raises:
        ValueError: the name is unknown, or serves other types than ``on``.
    """
    kind = parse_type(on)
    found = {spec.on: spec for spec in _tables.norms.find(name)}
    for served in _served.served_by(kind):
        if served in found:
            return found[served]
    others, asked = list_norms(on=kind), _served.registered_as(kind)
    raise ValueError(
        f"norm {name!r} serves {', '.join(map(repr, sorted(found)))}, not {asked!r}; norms "
        f"for {asked!r}: {', '.join(others)}"
    )


def list_norms(
    pattern: str = "*",
    on: TypeLike | None = None,
    equivariant_to: SymmetryLike = None,
    *,
    periodic: bool | None = None,
) -> list[str]:
    """Sorted names of the registered norms.

    Args:
        pattern: shell-style, e.g. ``"*rms*"``.
        on: only those that serve this type.
        equivariant_to: only those whose contract has at least these symmetries.
        periodic: only those that have (or have not) a meaning in a periodic box.
    """
    return sorted(
        {spec.name for spec in norm_specs(pattern, on, equivariant_to, periodic=periodic)}
    )


def norm_specs(
    pattern: str = "*",
    on: TypeLike | None = None,
    equivariant_to: SymmetryLike = None,
    *,
    periodic: bool | None = None,
) -> list[NormSpec]:
    """Like :func:`list_norms`, but the specs; a name may stand once for each type it serves."""
    wanted = Symmetry.parse(equivariant_to)
    served = None if on is None else _served.served_by(parse_type(on))
    return [
        spec
        for spec in _tables.norms.all()
        if (served is None or spec.on in served) and _is_among(spec, pattern, wanted, periodic)
    ]


def model_spec(name: str) -> BackboneSpec:
    """The spec of a backbone by name.

    Raises:
        ValueError: the name is unknown; the message lists the closest and all names.
    """
    return _tables.models.find(name)[0]


def list_models(
    pattern: str = "*", equivariant_to: SymmetryLike = None, *, periodic: bool | None = None
) -> list[str]:
    """Sorted names of the registered backbones; arguments as in :func:`list_norms`."""
    wanted = Symmetry.parse(equivariant_to)
    return [
        spec.name for spec in _tables.models.all() if _is_among(spec, pattern, wanted, periodic)
    ]


def _is_among(
    spec: NormSpec | BackboneSpec, pattern: str, wanted: Symmetry, periodic: bool | None
) -> bool:
    return (
        fnmatch.fnmatch(normalise(spec.name), normalise(pattern))
        and wanted in spec.equivariant_to
        and periodic in (None, spec.periodic)
    )

"""Norms and backbones by name: register, create, list."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from torch import nn

from eqnorm import specs
from eqnorm._table import Table, normalise
from eqnorm.specs import BackboneSpec, NormSpec, Scope
from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.types import GeometricType, TypeLike, parse_type

NormLike = str | tuple[str, Mapping[str, Any]] | Mapping[str, Any] | type[nn.Module] | nn.Module
_Factory = TypeVar("_Factory", bound=Callable[..., nn.Module])

_norms: Table[NormSpec] = Table("norm", "eqnorm.norms")
_models: Table[BackboneSpec] = Table("model", "eqnorm.backbones")


# --- norms --------------------------------------------------------------------------------


def register_norm(
    name: str,
    *,
    on: str,
    equivariant_to: SymmetryLike,
    permutation: bool = True,
    scope: Scope = "graph",
    needs: Iterable[str] = (),
    optional: Iterable[str] = (),
    periodic: bool = True,
    source: str = "",
    summary: str | None = None,
    aliases: Iterable[str] = (),
    notes: str = "",
    override: bool = False,
) -> Callable[[_Factory], _Factory]:
    """Class decorator that makes a norm known by name; see :class:`eqnorm.NormSpec`.

    The class is called with its options as keywords, for irreps after the irreps as first
    argument; its ``forward`` is ``forward(x, graph=None, x0=None, v=None, h=None)``.
    Irreps never see translations: a norm on irreps that takes no x0 gets that symmetry for free.

    Raises:
        ValueError: the name is taken for this type and ``override`` is False, or a field of
            the contract is not among its choices.

    Example:
        >>> import torch, eqnorm
        >>> @eqnorm.register_norm("half", on="points", equivariant_to="O3", scope="node")
        ... class Half(torch.nn.Module):
        ...     '''Halves every coordinate.'''
        ...
        ...     def forward(self, x, graph=None, x0=None, v=None, h=None):
        ...         return x / 2
        >>> eqnorm.norm_spec("half", on="points").summary
        'Halves every coordinate'
    """
    if scope not in ("node", "graph", "batch"):
        raise ValueError(f"scope must be 'node', 'graph' or 'batch', got {scope!r}")
    needs, optional = tuple(needs), tuple(optional)
    for given in (*needs, *optional):
        if given not in specs.INPUTS:
            raise ValueError(f"needs and optional take {', '.join(specs.INPUTS)}; got {given!r}")
    kind = on if on == "irreps" else _registered_as(parse_type(on))
    symmetry = Symmetry.parse(equivariant_to)
    if kind != "points" and "x0" not in (*needs, *optional):
        symmetry |= Symmetry.TRANSLATION  # none of its inputs moves

    def decorate(factory: _Factory) -> _Factory:
        spec = NormSpec(
            name=name,
            on=kind,
            equivariant_to=symmetry,
            permutation=permutation,
            scope=scope,
            needs=needs,
            optional=optional,
            periodic=periodic,
            summary=summary or specs.first_line(factory.__doc__),
            source=source,
            aliases=tuple(aliases),
            notes=notes,
            factory=factory,
        )
        _norms.add(spec, kind, override)
        return factory

    return decorate


def create_norm(norm: NormLike | None, /, on: TypeLike, **options: Any) -> nn.Module:
    """Build a norm.

    Args:
        norm: a name (case, ``-``, ``_`` and spaces ignored), a ``(name, options)`` pair, a
            mapping with the key ``"name"`` and options, a class (called with the irreps first,
            unless it is for points or registered for certain irreps), an instance (returned as
            it is), or None for the identity.
        on: what it acts on: ``"points"`` or irreps such as ``"32x0e+16x1o"``.
        **options: passed to the class; ``norm_spec(name, on).options`` lists them.

    Returns:
        A module with ``forward(x, graph=None, x0=None, v=None, h=None)``.

    Raises:
        ValueError: the name is unknown, or serves other types than ``on``.
        TypeError: an unknown option, or ``norm`` of another kind.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("geonorm", on="points")
        >>> x = torch.randn(5, 3)
        >>> norm(x, x0=x).shape
        torch.Size([5, 3])
    """
    kind = parse_type(on)
    if norm is None:
        norm = "identity"
    if isinstance(norm, nn.Module):
        if options:
            raise TypeError(
                f"options {', '.join(sorted(options))} were given with a ready-made norm; "
                "set them when building it"
            )
        return norm
    if isinstance(norm, type) and issubclass(norm, nn.Module):
        particular = any(spec.factory is norm and spec.on != "irreps" for spec in _norms.all())
        args = () if kind.is_points or particular else (kind.name,)
        return specs.build(norm, norm.__name__, *args, **options)
    name, own = name_and_options(norm)
    spec = norm_spec(name, kind)
    args = () if spec.on != "irreps" else (kind.name,)
    return specs.build(spec.factory, f"norm {spec.name!r}", *args, **{**options, **own})


def norm_spec(name: str, on: TypeLike) -> NormSpec:
    """The spec of a norm by name and type.

    Raises:
        ValueError: the name is unknown, or serves other types than ``on``.
    """
    kind = parse_type(on)
    found = {spec.on: spec for spec in _norms.find(name)}
    for served in _served_by(kind):
        if served in found:
            return found[served]
    others, asked = list_norms(on=kind), _registered_as(kind)
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
    served = None if on is None else _served_by(parse_type(on))
    return [
        spec
        for spec in _norms.all()
        if fnmatch.fnmatch(normalise(spec.name), normalise(pattern))
        and (served is None or spec.on in served)
        and wanted in spec.equivariant_to
        and periodic in (None, spec.periodic)
    ]


# --- backbones ----------------------------------------------------------------------------


def register_model(
    name: str,
    *,
    equivariant_to: SymmetryLike,
    permutation: bool = True,
    features: Literal["scalars", "irreps"] = "scalars",
    velocities: bool = False,
    periodic: bool = True,
    source: str = "",
    summary: str | None = None,
    aliases: Iterable[str] = (),
    override: bool = False,
) -> Callable[[_Factory], _Factory]:
    """Class decorator that makes a backbone known by name; see :class:`eqnorm.BackboneSpec`.

    Raises:
        ValueError: the name is taken and ``override`` is False.
    """

    def decorate(factory: _Factory) -> _Factory:
        spec = BackboneSpec(
            name=name,
            equivariant_to=Symmetry.parse(equivariant_to),
            permutation=permutation,
            features=features,
            velocities=velocities,
            periodic=periodic,
            summary=summary or specs.first_line(factory.__doc__),
            source=source,
            aliases=tuple(aliases),
            factory=factory,
        )
        _models.add(spec, "", override)
        return factory

    return decorate


def create_model(model: str, /, **options: Any) -> nn.Module:
    """Build a backbone by name, with norms chosen by name in its slots.

    Args:
        model: a name from :func:`list_models`.
        **options: for every backbone the slots ``norm``, ``update_norm``, ``edge_norm``,
            ``feature_norm``, ``message_norm``, and ``norm_last``, ``hidden``, ``layers``,
            ``node_dim``, ``edge_dim``; ``model_spec(name).options`` lists them all.

    Raises:
        ValueError: the name is unknown.
        TypeError: an unknown option.
    """
    spec = model_spec(model)
    return specs.build(spec.factory, f"model {spec.name!r}", **options)


def model_spec(name: str) -> BackboneSpec:
    """The spec of a backbone by name.

    Raises:
        ValueError: the name is unknown; the message lists the closest and all names.
    """
    return _models.find(name)[0]


def list_models(
    pattern: str = "*", equivariant_to: SymmetryLike = None, *, periodic: bool | None = None
) -> list[str]:
    """Sorted names of the registered backbones; arguments as in :func:`list_norms`."""
    wanted = Symmetry.parse(equivariant_to)
    return [
        spec.name
        for spec in _models.all()
        if fnmatch.fnmatch(normalise(spec.name), normalise(pattern))
        and wanted in spec.equivariant_to
        and periodic in (None, spec.periodic)
    ]


# --- contracts of instances -----------------------------------------------------------------


def contract_of(module: nn.Module) -> NormSpec | BackboneSpec | None:
    """The contract of a norm or backbone *as built*, or None for an unregistered module.

    Options can change a contract: a norm with per-particle parameters is not
    permutation-equivariant. A module says so with a method ``refine(spec) -> spec``.
    """
    found: NormSpec | BackboneSpec | None = None
    known: list[NormSpec | BackboneSpec] = [*_norms.specs.values(), *_models.specs.values()]
    for spec in known:
        if spec.factory is type(module):
            found = spec
            break
    refine = getattr(module, "refine", None)
    if found is None or not callable(refine):
        return found
    refined = refine(found)
    if not isinstance(refined, type(found)):
        raise TypeError(f"{type(module).__name__}.refine must return a {type(found).__name__}")
    return refined


def name_and_options(norm: Any) -> tuple[str, dict[str, Any]]:
    """Split a norm given by name into the name and its options."""
    if isinstance(norm, str):
        return norm, {}
    if isinstance(norm, Mapping):
        if "name" not in norm:
            raise TypeError(f"a norm given as a mapping needs the key 'name', got {dict(norm)}")
        return str(norm["name"]), {key: value for key, value in norm.items() if key != "name"}
    if isinstance(norm, tuple) and len(norm) == 2 and isinstance(norm[1], Mapping):
        return str(norm[0]), dict(norm[1])
    raise TypeError(
        "a norm must be a name, a (name, options) pair, a mapping with 'name', a class, an "
        f"instance or None, got {type(norm).__name__}"
    )


def _served_by(kind: GeometricType) -> tuple[str, ...]:
    """Registration types that serve ``kind``, most particular first."""
    if kind.irreps is None:
        return ("points",)
    return (_registered_as(kind), "irreps")


def _registered_as(kind: GeometricType) -> str:
    """A type as specs write it: ``"1o"`` rather than e3nn's ``"1x1o"``."""
    if kind.irreps is None:
        return kind.name
    simple = kind.irreps.simplify()
    return str(simple[0].ir) if len(simple) == 1 and simple[0].mul == 1 else str(simple)

"""The decorators that make norms and backbones known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from torch import nn

from eqnorm import specs
from eqnorm.registry import _served, _tables
from eqnorm.specs import BackboneSpec, NormSpec, Scope
from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.types import parse_type

_Factory = TypeVar("_Factory", bound=Callable[..., nn.Module])


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
        >>> @eqnorm.register_norm("halving", on="points", equivariant_to="O3", scope="node")
        ... class Halving(torch.nn.Module):
        ...     '''Halves every coordinate.'''
        ...
        ...     def forward(self, x, graph=None, x0=None, v=None, h=None):
        ...         return x / 2
        >>> eqnorm.norm_spec("halving", on="points").summary
        'Halves every coordinate'
    """
    if scope not in ("node", "graph", "batch"):
        raise ValueError(f"scope must be 'node', 'graph' or 'batch', got {scope!r}")
    needs, optional = tuple(needs), tuple(optional)
    for given in (*needs, *optional):
        if given not in specs.INPUTS:
            raise ValueError(f"needs and optional take {', '.join(specs.INPUTS)}; got {given!r}")
    kind = on if on == "irreps" else _served.registered_as(parse_type(on))
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
        _tables.norms.add(spec, kind, override)
        return factory

    return decorate


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
        _tables.models.add(spec, "", override)
        return factory

    return decorate

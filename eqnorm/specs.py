"""Records of what a registered norm or backbone is and promises."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from eqnorm.symmetry import Symmetry

Scope = Literal["node", "graph", "batch"]

INPUTS = ("x0", "v", "h")
SLOTS = ("norm", "update_norm", "edge_norm", "feature_norm", "message_norm")


@dataclass(frozen=True)
class NormSpec:
    """What a norm is, and the contract that the checker holds it to.

    Attributes:
        name: the name it is asked for by.
        on: what it serves: ``"points"``, ``"irreps"`` (any irreps) or certain irreps, such as
            ``"1o"``.
        equivariant_to: the symmetries it has, in exact arithmetic and to rounding; those that
            are absent it is known to break.
        permutation: whether permuting the nodes of a graph permutes its output.
        scope: whose statistics it reads: one node's (or edge's), its graph's, the batch's.
        needs: which of x0 (initial points), v (velocities), h (invariant features) it cannot
            do without.
        optional: which of them it uses when they are given.
        periodic: whether it has a meaning in a periodic box; centre-based norms have none.
        summary: one line.
        source: where it is from.
        aliases: other names.
        notes: what the contract does not say.
        factory: the class.
    """

    name: str
    on: str
    equivariant_to: Symmetry
    permutation: bool
    scope: Scope
    needs: tuple[str, ...]
    summary: str
    source: str
    optional: tuple[str, ...] = ()
    periodic: bool = True
    aliases: tuple[str, ...] = ()
    notes: str = ""
    factory: Callable[..., nn.Module] = field(default=nn.Identity, repr=False, compare=False)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options :func:`eqnorm.create_norm` takes for it."""
        return option_names(self.factory)


@dataclass(frozen=True)
class BackboneSpec:
    """What a backbone is, and the contract that the checker holds it to.

    Attributes:
        name: the name it is asked for by.
        equivariant_to: its symmetries without any norm; norms can only take some away.
        permutation: whether permuting the nodes permutes its output.
        features: type of its hidden features, ``"scalars"`` or ``"irreps"``.
        velocities: whether it uses velocities.
        periodic: whether it has a meaning in a periodic box: what it computes depends on
            differences of positions only.
        summary: one line.
        source: where it is from.
        aliases: other names.
        factory: the class.
    """

    name: str
    equivariant_to: Symmetry
    permutation: bool
    features: Literal["scalars", "irreps"]
    velocities: bool
    summary: str
    source: str
    periodic: bool = True
    aliases: tuple[str, ...] = ()
    factory: Callable[..., nn.Module] = field(default=nn.Identity, repr=False, compare=False)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options :func:`eqnorm.create_model` takes for it."""
        return option_names(self.factory)


def option_names(factory: Callable[..., nn.Module]) -> tuple[str, ...]:
    """The keyword options of a class or function, in the order it declares them."""
    parameters = inspect.signature(factory).parameters.values()
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind in kinds and p.name != "irreps")


def build(factory: Callable[..., nn.Module], what: str, *args: Any, **options: Any) -> nn.Module:
    """Call a factory, with an error for unknown options that lists the known ones.

    Raises:
        TypeError: an option that the factory does not take, or one that it needs is missing.
    """
    parameters = inspect.signature(factory).parameters
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        known = option_names(factory)
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise TypeError(
                f"{what} has no option {', '.join(map(repr, unknown))}; "
                f"it takes {', '.join(sorted(known)) or 'none'}"
            )
    missing = [
        name
        for name in option_names(factory)
        if parameters[name].default is inspect.Parameter.empty and name not in options
    ]
    if missing:
        raise TypeError(f"{what} needs the option {', '.join(map(repr, missing))}")
    return factory(*args, **options)


def first_line(text: str | None) -> str:
    """The first line of a docstring, as a summary."""
    return (text or "").strip().splitlines()[0].rstrip(".") if (text or "").strip() else ""

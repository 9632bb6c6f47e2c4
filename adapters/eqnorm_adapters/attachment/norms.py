"""The norm of one submodule: built, and refused where it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from eqnorm import (
    GeometricType,
    Norm,
    NormLike,
    NormSpec,
    contract_of,
    create_slot,
    norm_spec,
    parse_type,
)
from eqnorm.types import TypeLike
from eqnorm_adapters.attachment.arguments import forward_arguments

_GIVEN_BY = {"x0": "points", "v": "velocities", "h": "features"}


def looks_at_graphs(norm: nn.Module) -> bool:
    """Whether a norm must be told which graph a node is in; what is not registered must."""
    contract = contract_of(norm)
    return not isinstance(contract, NormSpec) or contract.scope != "node"


def build_norm(
    norm: NormLike,
    module: nn.Module,
    site: str,
    on: TypeLike | Callable[[nn.Module], TypeLike],
    given: dict[str, Any],
    model: nn.Module,
) -> nn.Module:
    """The norm of one submodule, on its device and in its precision.

    Args:
        norm: as given to ``attach``.
        module: the submodule.
        site: its name.
        on: as given to ``attach``.
        given: what ``attach`` was given for x0, v and h; None for nothing.
        model: whose forward has the arguments that errors list.

    Raises:
        ValueError: the norm does not serve the type, or lacks an input that it needs.
        TypeError: it is no norm.
    """
    if norm is None:
        raise TypeError("norm must be a name, a (name, options) pair, a class or an instance")
    kind = parse_type(on(module) if callable(on) else on)
    slot = f"attach at {site!r}"
    built = create_slot(norm, slot=slot, on=kind, available=tuple(_GIVEN_BY))
    assert built is not None
    _check_norm(built, kind, slot)
    contract = contract_of(built)
    needs = contract.needs if isinstance(contract, NormSpec) else getattr(built, "_needs", ())
    for need in needs:
        if given[need] is None:
            raise ValueError(_missing(type(built).__name__, need, model))
    for parameter in (*module.parameters(), *model.parameters()):
        if parameter.is_floating_point():
            built = built.to(device=parameter.device, dtype=parameter.dtype)
            break
    return built.train(module.training)


def _check_norm(norm: nn.Module, kind: GeometricType, slot: str) -> None:
    """Refuse what is no norm, and a ready-made norm of another type."""
    known = set(forward_arguments(norm).split(", "))
    if not {"graph", "x0", "v", "h"} <= known and not any(k.startswith("**") for k in known):
        raise TypeError(
            f"{slot}: {type(norm).__name__}.forward({forward_arguments(norm)}) is not called like "
            "eqnorm's norms, forward(x, graph=None, x0=None, v=None, h=None); choose one by name "
            "(eqnorm.list_norms()), or wrap it in a module that is"
        )
    contract = contract_of(norm)
    if isinstance(contract, NormSpec):
        try:
            serves = norm_spec(contract.name, kind).factory is type(norm)
        except ValueError:
            serves = False
        if not serves:
            raise ValueError(
                f"{slot}: {type(norm).__name__} acts on {contract.on!r}, not on {kind.name!r}; "
                "set on= to what the output is, or choose another norm"
            )
    if isinstance(norm, Norm) and norm.dim != kind.dim:
        raise ValueError(
            f"{slot}: {type(norm).__name__} was built for {norm.dim} columns"
            f"{f' ({norm.irreps})' if norm.irreps else ''}, but on={kind.name!r} has {kind.dim}"
        )


def _missing(norm: str, need: str, model: nn.Module) -> str:
    if need == "h":
        return (
            f"{norm} needs h: say with features= which part of the submodule's output holds "
            "invariant features, e.g. features=0"
        )
    return (
        f"{norm} needs {need}: say with {_GIVEN_BY[need]}= which argument of "
        f"{type(model).__name__}.forward holds it; it takes {forward_arguments(model)}"
    )

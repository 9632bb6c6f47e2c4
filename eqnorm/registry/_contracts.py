"""The contract of a module as built."""

from __future__ import annotations

from torch import nn

from eqnorm.registry import _tables
from eqnorm.specs import BackboneSpec, NormSpec


def contract_of(module: nn.Module) -> NormSpec | BackboneSpec | None:
    """The contract of a norm or backbone *as built*, or None for an unregistered module.

    Options can change a contract: a norm with per-particle parameters is not
    permutation-equivariant. A module says so with a method ``refine(spec) -> spec``.
    """
    found: NormSpec | BackboneSpec | None = None
    known: list[NormSpec | BackboneSpec] = [
        *_tables.norms.specs.values(),
        *_tables.models.specs.values(),
    ]
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

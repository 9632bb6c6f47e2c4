"""What may be used in a periodic box, by the specs; used by norms and backbones when called."""

from __future__ import annotations

import torch
from torch import nn

from eqnorm import registry
from eqnorm.specs import BackboneSpec, NormSpec

_WHY = "a centre of mass depends on which copy of each particle is taken"


def require_periodic(module: nn.Module) -> None:
    """Refuse a module whose spec, or that of a norm in it, denies it a periodic box.

    Raises:
        ValueError: names it, and those which have a meaning there.
    """
    for part in module.modules():
        spec = registry.contract_of(part)
        if isinstance(spec, NormSpec) and not spec.periodic:
            raise ValueError(
                f"norm {spec.name!r} on {spec.on} has no meaning in a periodic box: {_WHY}. "
                f"Norms of displacements have one, as update_norm{_norms()}"
            )
        if not isinstance(spec, BackboneSpec):
            continue
        # As registered: the contract as built takes its norms into account, which come by.
        if not registry.model_spec(spec.name).periodic:
            raise ValueError(
                f"model {spec.name!r} has no meaning in a periodic box: it reads positions from a "
                f"centre, and {_WHY}. Models that have one{_models()}"
            )
        if getattr(part, "center", False):
            raise ValueError(
                f"center=True of model {spec.name!r} has no meaning in a periodic box: {_WHY}. Use "
                "center=False, with positions wrapped into the box if they are far from the origin"
            )


def _norms() -> str:
    if torch.compiler.is_compiling():  # which cannot look names up
        return "; eqnorm.norm_specs(on='1o', periodic=True) lists them"
    found = registry.norm_specs(on="1o", periodic=True)
    return f": {', '.join(spec.name for spec in found if spec.on == '1o')}"


def _models() -> str:
    if torch.compiler.is_compiling():
        return "; eqnorm.list_models(periodic=True) lists them"
    return f": {', '.join(registry.list_models(periodic=True))}"

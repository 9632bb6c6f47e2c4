"""Norms in the slots of a backbone."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from torch import nn

from eqnorm.registry import NormLike, create_norm, name_and_options, norm_spec
from eqnorm.types import TypeLike, parse_type


def create_slot(
    choice: NormLike | None,
    *,
    slot: str,
    on: TypeLike,
    available: Iterable[str] = (),
    h_dim: int | None = None,
) -> nn.Module | None:
    """Build the norm for one slot of one layer of a backbone, or None for no norm.

    Args:
        choice: as in :func:`create_norm`; an instance is copied, so that layers share nothing.
        slot: the slot's name, used in errors.
        on: what stands there.
        available: which of x0, v, h the backbone hands to this slot.
        h_dim: number of invariant features h, for norms with the option ``h_dim``.

    Raises:
        ValueError: the norm needs an input that this slot does not have, or does not serve
            its type.
    """
    if choice is None:
        return None
    kind = parse_type(on)
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    if not isinstance(choice, type):
        name, own = name_and_options(choice)
        try:
            spec = norm_spec(name, kind)
        except ValueError as error:
            raise ValueError(f"{slot}: {error}") from None
        lacking = [given for given in spec.needs if given not in set(available)]
        if lacking:
            raise ValueError(
                f"{slot}={spec.name!r} needs {', '.join(lacking)}, which this slot does not "
                f"have (it has {', '.join(available) or 'none of x0, v, h'}); "
                "use it in another slot or choose another norm"
            )
        if h_dim is not None and "h_dim" in spec.options:
            own = {"h_dim": h_dim, **own}
        choice = {"name": name, **own}
    return create_norm(choice, on=kind)

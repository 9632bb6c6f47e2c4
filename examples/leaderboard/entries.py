"""What competes: every registered norm in the slot it is made for, and recipes of several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import eqnorm
from eqnorm import NormSpec

MODEL = "egnn_vel"


@dataclass(frozen=True)
class Entry:
    """One configuration of the velocity-EGNN.

    Attributes:
        name: as the table calls it.
        slot: where its norm stands, ``"-"`` without one, ``"recipe"`` for a combination.
        options: for :func:`eqnorm.create_model`.
    """

    name: str
    slot: str
    options: dict[str, Any] = field(default_factory=dict)


BASELINES = (
    Entry("no norm, sums", "-", {"coord_aggregation": "sum"}),
    Entry("no norm", "-"),
    Entry("no norm, mean messages", "-", {"message_aggregation": "mean"}),
    Entry("geonorm, after the last layer too", "norm", {"norm": "geonorm", "norm_last": True}),
)

_SOFTCAP = {"update_norm": "softcap"}
_MEAN = {"message_aggregation": "mean"}
_LN = {"feature_norm": "layernorm"}

RECIPES = (
    Entry("softcap + mean", "recipe", {**_SOFTCAP, **_MEAN}),
    Entry("LN(h) + mean", "recipe", {**_LN, **_MEAN}),
    Entry("LN(h) + softcap", "recipe", {**_LN, **_SOFTCAP}),
    Entry("LN(h) + softcap + mean", "recipe", {**_LN, **_SOFTCAP, **_MEAN}),
    Entry("LN(h) + softcap + sqrt", "recipe", {**_LN, **_SOFTCAP, "message_aggregation": "sqrt"}),
    Entry("RMS(h) + softcap + mean", "recipe", {**_SOFTCAP, **_MEAN, "feature_norm": "rmsnorm"}),
    Entry("LN(h) + rms_film + mean", "recipe", {**_LN, **_MEAN, "update_norm": "rms_film"}),
    Entry("LN(h) + system + mean", "recipe", {**_LN, **_MEAN, "norm": "system"}),
    Entry(
        "LN(h) + softcap + mean, residual",
        "recipe",
        {**_LN, **_SOFTCAP, **_MEAN, "residual": True},
    ),
    Entry(
        "LN(h) + LN(m) + softcap, residual",
        "recipe",
        {**_LN, **_SOFTCAP, "message_norm": "layernorm", "residual": True},
    ),
)


def entries() -> list[Entry]:
    """Baselines, every norm in its slot, and the recipes; a new norm needs no edit here."""
    singles = [
        Entry(f"{spec.name}", slot, {slot: spec.name})
        for spec in eqnorm.norm_specs()
        for slot in [_slot(spec)]
        if spec.name != "identity"
    ]
    return [*BASELINES, *sorted(singles, key=lambda entry: entry.slot), *RECIPES]


def _slot(spec: NormSpec) -> str:
    """The slot a norm is made for: displacements are measured by the initial system, edges not."""
    if spec.on == "points":
        return "norm"
    if spec.on == "irreps":
        return "feature_norm"
    return "update_norm" if "x0" in spec.needs else "edge_norm"

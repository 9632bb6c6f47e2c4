"""The configurations compared, by name: norms in slots, and how sums are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_LN_MEAN = {"feature_norm": "layernorm", "message_aggregation": "mean"}
RECOMMENDED = "LN(h) + softcap + mean"


@dataclass(frozen=True)
class Entry:
    """One configuration.

    Attributes:
        name: as tables call it.
        family: its colour in figures: "none", "geonorm", "single" or "recipe".
        options: for :func:`eqnorm.create_model`.
    """

    name: str
    family: str
    options: dict[str, Any] = field(default_factory=dict)


NO_NORM = (
    Entry("no norm, sums", "none", {"coord_aggregation": "sum"}),
    Entry("no norm", "none"),
    Entry("no norm, mean messages", "none", {"message_aggregation": "mean"}),
)
# The options of `examples.nbody.train` have h_i added in the update of features; these have not.
NO_RESIDUAL = (
    Entry("no norm, no residual", "none", {"residual": False}),
    Entry(
        f"{RECOMMENDED}, no residual",
        "recipe",
        {**_LN_MEAN, "update_norm": "softcap", "residual": False},
    ),
)
GEONORM = (
    Entry("GeoNorm, not after the last", "geonorm", {"norm": "geonorm"}),
    Entry("GeoNorm, after the last too", "geonorm", {"norm": "geonorm", "norm_last": True}),
)
DISPLACEMENTS = (
    Entry("CoorsNorm", "single", {"edge_norm": "coorsnorm"}),
    Entry("LN(h) + mean", "recipe", _LN_MEAN),
    Entry("softcap + mean", "recipe", {"update_norm": "softcap", "message_aggregation": "mean"}),
    Entry(RECOMMENDED, "recipe", {**_LN_MEAN, "update_norm": "softcap"}),
    Entry("LN(h) + rms_film + mean", "recipe", {**_LN_MEAN, "update_norm": "rms_film"}),
)
SYSTEM = Entry("LN(h) + system + mean", "recipe", {**_LN_MEAN, "norm": "system"})

# Most telling first.
PERIODIC = (DISPLACEMENTS[3], *NO_NORM, *NO_RESIDUAL, *GEONORM, *DISPLACEMENTS)
MAIN = (DISPLACEMENTS[3], *NO_NORM, *NO_RESIDUAL)
OPEN = (NO_NORM[0], NO_NORM[1], *GEONORM, DISPLACEMENTS[3], SYSTEM)
PROTEIN = (DISPLACEMENTS[3], *NO_NORM, *NO_RESIDUAL, *GEONORM, *DISPLACEMENTS, SYSTEM)
BACKBONE = (DISPLACEMENTS[3], NO_NORM[0], NO_NORM[1], GEONORM[0], SYSTEM)

_BY_NAME = {entry.name: entry for entry in PROTEIN}


def entry(name: str) -> Entry:
    """An entry by its name."""
    return _BY_NAME[name]

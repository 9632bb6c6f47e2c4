"""The configurations compared, each under one name: norms in slots, and how sums are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """Options of ``eqnorm.create_model`` under one name.

    Attributes:
        name: its key in CSV files.
        label: as figures call it.
        colour: a name of ``examples.demo.style.COLOURS``.
        dash: "solid", "dashed" or "dotted".
        options: the same at every size.
        per_particle: give ``norm`` one gain and bias for each particle, as the paper does; such a
            network serves one size only.
        faithful: give ``norm`` the paper's Eq. 5 as printed.
    """

    name: str
    label: str
    colour: str
    dash: str = "solid"
    options: dict[str, Any] = field(default_factory=dict)
    per_particle: bool = False
    faithful: bool = False

    def model(self, size: int) -> dict[str, Any]:
        """Options for systems of this size."""
        made = {"residual": True, **self.options}  # as EGNN's own N-body script
        if self.per_particle:
            norm: dict[str, Any] = {"name": made["norm"], "per_particle": size}
            if self.faithful:
                norm["faithful"] = True
            made["norm"] = norm
        return made


# Eq. 2 sums both the messages and the coordinate updates; the official code averages the latter.
SUM = {"message_aggregation": "sum", "coord_aggregation": "sum"}
MEAN = {"message_aggregation": "sum", "coord_aggregation": "mean"}
OURS = {
    "feature_norm": "layernorm",
    "message_aggregation": "mean",
    "coord_aggregation": "mean",
}


def _as_printed(name: str, label: str, *, faithful: bool = False) -> tuple[Choice, Choice]:
    """A norm of the paper after every layer, and after every layer but the last."""
    return (
        Choice(
            f"{name}_last",
            f"{label}, after the last layer too",
            name,
            options={"norm": name, "norm_last": True, **SUM},
            per_particle=True,
            faithful=faithful,
        ),
        Choice(
            f"{name}_inner",
            f"{label}, not after the last",
            name,
            "dashed",
            options={"norm": name, "norm_last": False, **SUM},
            per_particle=True,
            faithful=faithful,
        ),
    )


CHOICES = {
    choice.name: choice
    for choice in (
        Choice("sum", "no norm, coordinates summed (Eq. 2)", "none", options=SUM),
        Choice("mean", "no norm, coordinates averaged", "none", "dashed", options=MEAN),
        *_as_printed("layernorm", "LayerNorm"),
        *_as_printed("scalenorm", "ScaleNorm"),
        *_as_printed("geonorm", "GeoNorm", faithful=True),
        Choice(
            "geonorm_shared",
            "GeoNorm, one g and b, not after the last",
            "geonorm",
            "dotted",
            options={"norm": "geonorm", **MEAN},
        ),
        Choice(
            "softcap",
            "LayerNorm on h + softcap + mean (recommended)",
            "recommended",
            options={"update_norm": "softcap", **OURS},
        ),
        Choice(
            "system",
            "LayerNorm on h + system + mean",
            "recommended",
            "dashed",
            options={"norm": "system", **OURS},
        ),
    )
}

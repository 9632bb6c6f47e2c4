"""Options that every backbone takes, with the errors of those that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from eqnorm import NormLike
from eqnorm_adapters._egnn.edges import Aggregation

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Options that every backbone takes, but for the width; DESIGN, section 3."""

    norm: NormLike | None
    update_norm: NormLike | None
    edge_norm: NormLike | None
    feature_norm: NormLike | None
    message_norm: NormLike | None
    norm_last: bool
    layers: int
    edge_dim: int
    message_aggregation: Aggregation
    coord_aggregation: Aggregation
    activation: str

    def __post_init__(self) -> None:
        at_least_one("layers", self.layers)
        for name in ("message_aggregation", "coord_aggregation"):
            how = getattr(self, name)
            if how not in ("sum", "mean", "sqrt"):
                raise ValueError(f"{name} must be 'sum', 'mean' or 'sqrt', got {how!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(sorted(ACTIVATIONS))}, "
                f"got {self.activation!r}"
            )


def at_least_one(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is an integer of at least 1."""
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")

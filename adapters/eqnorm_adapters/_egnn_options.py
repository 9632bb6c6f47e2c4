"""What `egnn` and `egnn_vel` have in common to choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from eqnorm import NormLike
from eqnorm_adapters._egnn_edges import Aggregation

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class EGNNOptions:
    """What `egnn` and `egnn_vel` have in common; see :class:`eqnorm_adapters.egnn.EGNN`."""

    norm: NormLike | None
    update_norm: NormLike | None
    edge_norm: NormLike | None
    feature_norm: NormLike | None
    message_norm: NormLike | None
    norm_last: bool
    hidden: int
    layers: int
    node_dim: int
    edge_dim: int
    message_aggregation: Aggregation
    coord_aggregation: Aggregation
    center: bool
    attention: bool
    tanh: bool
    residual: bool
    activation: str
    coords_weight: float
    products: str

    def __post_init__(self) -> None:
        for name in ("hidden", "layers"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
        for name in ("message_aggregation", "coord_aggregation"):
            how = getattr(self, name)
            if how not in ("sum", "mean", "sqrt"):
                raise ValueError(f"{name} must be 'sum', 'mean' or 'sqrt', got {how!r}")
        if self.products not in ("float32", "bfloat16"):
            raise ValueError(f"products must be 'float32' or 'bfloat16', got {self.products!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(sorted(ACTIVATIONS))}, "
                f"got {self.activation!r}"
            )

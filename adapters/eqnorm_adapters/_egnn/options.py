"""What `egnn` and `egnn_vel` have in common to choose."""

from __future__ import annotations

from dataclasses import dataclass

from eqnorm_adapters._options import CommonOptions, at_least_one


@dataclass(frozen=True, kw_only=True)
class EGNNOptions(CommonOptions):
    """What `egnn` and `egnn_vel` have in common; see :class:`eqnorm_adapters.egnn.EGNN`."""

    hidden: int
    node_dim: int
    center: bool
    attention: bool
    tanh: bool
    residual: bool
    coords_weight: float
    products: str

    def __post_init__(self) -> None:
        at_least_one("hidden", self.hidden)
        super().__post_init__()
        if self.products not in ("float32", "bfloat16"):
            raise ValueError(f"products must be 'float32' or 'bfloat16', got {self.products!r}")

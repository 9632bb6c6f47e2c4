"""NequIP's self-connection: what a node keeps of its own features, depending on its species."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm_adapters._irreps import IrrepsLinear


class SelfConnection(nn.Module):
    r"""Linear map between irreps whose weights are linear in the node's attributes.

    y_v = sum_us W_usv f_u a_s / sqrt(fan-in), for features f (N, irreps_in.dim) and invariants a
    (N, A); with species as one-hot a, each species has a linear map of its own. Equal to
    `e3nn.o3.FullyConnectedTensorProduct` with A scalars, to rounding, without generated code.

    Args:
        irreps_in: irreps of f.
        attributes: A.
        irreps_out: irreps of y.

    Source: Batzner et al. 2022 (arXiv:2101.03164, "Self-interaction").

    Example:
        >>> SelfConnection("4x0e+2x1o", 3, "2x1o")(torch.ones(5, 10), torch.ones(5, 3)).shape
        torch.Size([5, 6])
    """

    def __init__(
        self, irreps_in: str | o3.Irreps, attributes: int, irreps_out: str | o3.Irreps
    ) -> None:
        super().__init__()
        irreps = o3.Irreps(irreps_in)
        # Plain integers for the forward pass: torch.compile cannot guard on irreps.
        self._entries = [
            (cut.start, cut.stop, mul, irrep.dim)
            for (mul, irrep), cut in zip(irreps, irreps.slices(), strict=True)
        ]
        self.linear = IrrepsLinear([(mul * attributes, irrep) for mul, irrep in irreps], irreps_out)

    def forward(self, features: Tensor, attributes: Tensor) -> Tensor:
        """Map f, shape (N, irreps_in.dim), and a, shape (N, A), to shape (N, irreps_out.dim)."""
        products = []
        for start, stop, mul, dim in self._entries:
            block = features[:, start:stop].reshape(-1, mul, 1, dim)
            products.append((block * attributes[:, None, :, None]).flatten(1))
        out: Tensor = self.linear(torch.cat(products, dim=-1))
        return out

"""What all of eqnorm's norms have in common: their call, its checks, and half precision."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod

from torch import Tensor, nn

from eqnorm._periodic import require_periodic
from eqnorm.graph import Graph, GraphLike, as_graph
from eqnorm.specs import NormSpec
from eqnorm.types import HALF


class Norm(nn.Module, ABC):
    """Base class of norms; subclasses write :meth:`normalize` and nothing else of the call.

    ``forward`` checks shapes, types and devices, but never values, so that it does not wait for
    the device: NaN in gives NaN out, as in torch's own norms, and backbones check their inputs. It
    turns a ``batch`` vector into a :class:`~eqnorm.Graph`, and computes in float32 where the input
    is half precision: squares of small numbers underflow and sums overflow in half precision.

    Args:
        dim: size of the last dimension of x.
        needs: which of x0, v, h the norm cannot do without.
    """

    # What x is, for norms on irreps; named in errors.
    irreps: str = ""
    # Whether all that `normalize` does is one formula for which there are loops, so that it may be
    # run within others: see `eqnorm.functional.between`.
    looped: bool = False

    def __init__(self, dim: int, needs: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.dim = dim
        self._needs = needs

    def forward(
        self,
        x: Tensor,
        graph: GraphLike = None,
        x0: Tensor | None = None,
        v: Tensor | None = None,
        h: Tensor | None = None,
    ) -> Tensor:
        """Normalise ``x``.

        Args:
            x: what the norm acts on, one row per node (or per edge), shape (N, D).
            graph: a Graph, a PyTorch Geometric ``batch`` vector (N,), or None for one graph.
            x0: initial points, shape (N, 3), in the unit of the positions.
            v: velocities, shape (N, 3).
            h: invariant features, shape (N, C).

        Returns:
            Shape (N, D), of the dtype of ``x``.

        Raises:
            ValueError: a shape, dtype or device does not fit, a needed input is missing, or the
                graph is periodic and the norm has no meaning in a periodic box.
        """
        self._check(x, "x", self.dim, x)
        for name, value, width in (("x0", x0, 3), ("v", v, 3), ("h", h, None)):
            if value is not None:
                self._check(value, name, width, x)
            elif name in self._needs:
                raise ValueError(
                    f"{type(self).__name__} needs {name}: call it as norm(x, graph, {name}=...)"
                )
        whole = as_graph(graph, x.shape[0], x.device)
        if whole.periodic:
            require_periodic(self)
        if x.dtype not in HALF:
            return self.normalize(x, whole, x0, v, h).to(x.dtype)
        wide = [None if value is None else value.float() for value in (x0, v, h)]
        return self.normalize(x.float(), whole, *wide).to(x.dtype)

    @abstractmethod
    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        """The formula; inputs are checked, and float32 or float64."""

    def refine(self, spec: NormSpec) -> NormSpec:
        """The contract of this instance, where its options change that of its class."""
        return spec

    def extra_repr(self) -> str:
        """Options that the instance keeps under the names of its constructor, for printing."""
        options = inspect.signature(type(self)).parameters
        values = {name: getattr(self, name) for name in options if hasattr(self, name)}
        return ", ".join(
            f"{name}={value!r}"
            for name, value in values.items()
            if value is None or isinstance(value, (bool, int, float, str))
        )

    def _check(self, value: Tensor, name: str, width: int | None, x: Tensor) -> None:
        expected = f"(N, {'C' if width is None else width})"
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} must be a tensor of shape {expected}, got {type(value)}")
        if value.dim() != 2 or (width is not None and value.shape[1] != width):
            raise ValueError(
                f"{name} must have shape {expected} for {type(self).__name__}"
                f"{f' on {self.irreps}' if self.irreps else ''}, got {tuple(value.shape)}"
            )
        if value.shape[0] != x.shape[0]:
            raise ValueError(
                f"{name} has {value.shape[0]} rows but x has {x.shape[0]}; give one per node"
            )
        if not value.is_floating_point():
            raise ValueError(f"{name} must be floating point, got {value.dtype}; use .float()")
        if value.dtype != x.dtype or value.device != x.device:
            raise ValueError(
                f"{name} is {value.dtype} on {value.device} but x is {x.dtype} on {x.device}; "
                f"use {name}.to(x)"
            )

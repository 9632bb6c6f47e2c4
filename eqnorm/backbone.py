"""What all backbones have in common: their call, its checks, and their contract."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqnorm._periodic import require_periodic
from eqnorm.graph import Graph, as_graph
from eqnorm.registry import contract_of
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.symmetry import Symmetry


class ModelOutput(NamedTuple):
    """What every backbone returns.

    Attributes:
        x: points, shape (N, 3), in the unit of the input positions.
        h: hidden features, shape (N, C): scalars, or the backbone's hidden irreps.
        v: velocities, shape (N, 3), or None for a backbone without.
    """

    x: Tensor
    h: Tensor
    v: Tensor | None


class Backbone(nn.Module, ABC):
    """Base class of backbones; subclasses write :meth:`propagate` and nothing else of the call.

    Args:
        node_dim: number of invariant input features h per node.
        edge_dim: number of invariant input features per edge.
        velocities: whether the backbone uses v.
        center: subtract each graph's centre in the precision of the input (so float64 positions
            far from the origin lose nothing), compute in that of the parameters, add it back.
            The model is then equivariant to translations whatever its norms do. A periodic box
            has no centre: refused there.
    """

    def __init__(self, node_dim: int, edge_dim: int, velocities: bool, center: bool) -> None:
        super().__init__()
        for name, value, least in (("node_dim", node_dim, 1), ("edge_dim", edge_dim, 0)):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        self.node_dim = node_dim
        self.edge_dim = edge_dim
        self.center = center
        self._velocities = velocities

    def forward(
        self,
        x: Tensor,
        graph: Graph,
        h: Tensor | None = None,
        v: Tensor | None = None,
        edge_attr: Tensor | None = None,
    ) -> ModelOutput:
        """Run the network.

        Args:
            x: positions, shape (N, 3).
            graph: a Graph with its edges.
            h: invariant node features, shape (N, node_dim); None for ones.
            v: velocities, shape (N, 3); None for zeros.
            edge_attr: invariant edge features, shape (E, edge_dim), in the graph's edge order;
                None for zeros.

        Returns:
            :class:`eqnorm.ModelOutput`; no argument is written into.

        Raises:
            ValueError: a shape, dtype or device does not fit; the box is periodic, in which
                the model or a norm in it has no meaning; or (on the CPU, outside of
                torch.compile) an input holds NaN or Inf.
            TypeError: ``graph`` is None or a batch vector, which norms take, but which have no
                edges: nodes would not see one another.
        """
        if not isinstance(x, Tensor) or x.dim() != 2 or x.shape[1] != 3:
            came = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x must be a tensor of shape (N, 3), got {came}")
        if graph is None or isinstance(graph, Tensor):
            raise TypeError(
                f"graph must be an eqnorm.Graph with its edges, got {type(graph).__name__}; use "
                "Graph.complete(num_graphs, num_nodes), Graph.from_edges(edge_index, batch) or "
                "Graph.radius(x, cutoff, batch)"
            )
        whole = as_graph(graph, x.shape[0], x.device)
        if whole.periodic:
            require_periodic(self)
        weight = next(self.parameters())
        if self.center and x.is_floating_point():
            origin = whole.spread(whole.mean(x))
            start = (x - origin).to(weight.dtype)
        else:
            start = x
        self._check(start, "x", 3, x.shape[0], weight)
        if h is None:
            h = torch.ones(x.shape[0], self.node_dim, dtype=weight.dtype, device=x.device)
        if v is None and self._velocities:
            v = torch.zeros_like(start)
        if edge_attr is None and self.edge_dim:
            edge_attr = start.new_zeros(whole.num_edges, self.edge_dim)
        self._check(h, "h", self.node_dim, x.shape[0], weight)
        if v is not None:
            self._check(v, "v", 3, x.shape[0], weight)
        if edge_attr is not None:
            self._check(edge_attr, "edge_attr", self.edge_dim, whole.num_edges, weight)
        out = self.propagate(start, whole, h, v, edge_attr)
        if not self.center:
            return out
        return ModelOutput(out.x.to(x.dtype) + origin, out.h, out.v)

    @abstractmethod
    def propagate(
        self, x: Tensor, graph: Graph, h: Tensor, v: Tensor | None, edge_attr: Tensor | None
    ) -> ModelOutput:
        """The network itself, on checked inputs; ``v`` is given if the backbone uses it."""

    def refine(self, spec: BackboneSpec) -> BackboneSpec:
        """The contract as built: what the backbone and all norms in it have in common."""
        symmetry, permutation = spec.equivariant_to, spec.permutation
        periodic = spec.periodic and not self.center
        for module in self.modules():
            contract = None if module is self else contract_of(module)
            if isinstance(contract, NormSpec):
                symmetry &= contract.equivariant_to
                permutation &= contract.permutation
                periodic &= contract.periodic
        if self.center:
            symmetry |= Symmetry.TRANSLATION
        return dataclasses.replace(
            spec, equivariant_to=symmetry, permutation=permutation, periodic=periodic
        )

    def _check(self, value: Tensor, name: str, width: int, rows: int, weight: Tensor) -> None:
        kind = "edge" if name == "edge_attr" else "node"
        if not isinstance(value, Tensor) or value.shape != (rows, width):
            came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f"{name} must have shape ({rows}, {width}), one row per {kind}, got {came}; "
                f"{name} is set by the model's {_WIDTH[name]}"
            )
        if value.dtype != weight.dtype and not torch.is_autocast_enabled(value.device.type):
            other = f" or model.to({value.dtype})" if value.is_floating_point() else ""
            raise ValueError(
                f"{name} is {value.dtype} but the model's parameters are {weight.dtype}; use "
                f"{name}.to({weight.dtype}){other}"
            )
        if value.device != weight.device:
            raise ValueError(
                f"{name} is on {value.device} but the model's parameters are on {weight.device}; "
                f"use {name}.to({str(weight.device)!r})"
            )
        # Looking at values waits for a GPU and breaks compiled graphs: eager CPU only.
        if value.device.type == "cpu" and not torch.compiler.is_compiling():
            _check_finite(value, name)


_WIDTH = {
    "x": "three coordinates",
    "v": "three coordinates",
    "h": "node_dim",
    "edge_attr": "graph and edge_dim",
}


def _check_finite(value: Tensor, name: str) -> None:
    if isinstance(value, torch._subclasses.FakeTensor) or torch._C._functorch.is_batchedtensor(
        value
    ):
        return
    # NaN and Inf reach the sum, which is one operation where looking at every number is six; that
    # large numbers may overflow in it, the second look finds out.
    if math.isfinite(value.detach().sum().item()):
        return
    finite = torch.isfinite(value)
    if not bool(finite.all()):
        row = int((~finite).any(-1).nonzero()[0])
        raise ValueError(
            f"{name} holds NaN or Inf, first in row {row}; clean the data before the model sees it"
        )

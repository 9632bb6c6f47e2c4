"""Length-based norms on the compiled kernels, with their backward in closed form."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._irreps import copies_plain as plain
from eqnorm.functional._irreps.copies_plain import Activation
from eqnorm.functional._irreps.layout import Layout
from eqnorm.graph import Graph


class NormLayer(NamedTuple):
    """What stays fixed of a LayerNorm of lengths, and how it is computed."""

    layout: Layout
    eps: float
    length_eps: float
    activation: Activation

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = _launch("copies").norm_layer_forward(x, weight, bias, self)
        return found

    def backward(self, *tensors: Tensor) -> tuple[Tensor | None, ...]:
        found: tuple[Tensor, ...] = _launch("copies").norm_layer_backward(*tensors, self)
        return found

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        how = (self.eps, self.length_eps, self.activation)
        return plain.norm_layer_norm(x, self.layout, weight, bias, *how)


class VNBatch(NamedTuple):
    """What stays fixed of a BatchNorm of lengths, and how it is computed."""

    layout: Layout
    eps: float
    length_eps: float
    graph: Graph
    running: tuple[Tensor, Tensor] | None
    activation: Activation

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = _launch("copies").vn_batch_forward(x, weight, bias, self)
        return found

    def backward(self, *tensors: Tensor) -> tuple[Tensor | None, ...]:
        found: tuple[Tensor, ...] = _launch("copies").vn_batch_backward(*tensors, self)
        return found

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        how = (self.eps, self.length_eps, self.graph, self.running, self.activation)
        return plain.vn_batch_norm(x, self.layout, weight, bias, *how)[0]


class Geo(NamedTuple):
    """What stays fixed of a GeoNorm, and how it is computed."""

    layout: Layout
    eps: float
    graph: Graph

    def forward(
        self, x: Tensor, weight: Tensor, bias: Tensor, drift: Tensor | None
    ) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = _launch("geo").geo_norm_forward(x, weight, bias, drift, self)
        return found

    def backward(self, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        found: tuple[Tensor | None, ...] = _launch("geo").geo_norm_backward(*tensors, self)
        return found

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor, drift: Tensor | None) -> Tensor:
        return plain.geo_norm(x, self.layout, weight, bias, drift, self.eps, self.graph)


def usable(x: Tensor) -> bool:
    """Whether the compiled kernels can take x, here and now."""
    return _compiled.is_eager() and _compiled.serves(x)


def _launch(family: str) -> Any:
    # Not before it is needed: it imports numba.
    return importlib.import_module(f"eqnorm.functional._irreps.launch_{family}")


class _Fused(torch.autograd.Function):
    """A norm from its kernels; what the backward pass needs of a norm is returned after y."""

    @staticmethod
    def forward(
        ctx: Any, how: NormLayer | VNBatch | Geo, *inputs: Tensor | None
    ) -> tuple[Tensor, ...]:
        y, *kept = how.forward(*inputs)  # type: ignore[arg-type]
        ctx.save_for_backward(*inputs, *kept)
        ctx.how, ctx.count = how, len(inputs)
        ctx.mark_non_differentiable(*kept)
        ctx.set_materialize_grads(False)
        return (y, *kept)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        g, tensors = grads[0], ctx.saved_tensors
        inputs = tensors[: ctx.count]
        if g is None:
            return (None,) * (1 + len(inputs))
        # With create_graph the gradient is itself differentiated.
        if torch.is_grad_enabled() or _compiled.batched(g) or not _compiled.serves(inputs[0]):
            return (None, *_compiled.gradients(ctx.how.plain, inputs, g))
        found: tuple[Tensor | None, ...] = ctx.how.backward(g, *tensors)
        return (None, *found)


run: Callable[..., tuple[Tensor, ...]] = _Fused.apply

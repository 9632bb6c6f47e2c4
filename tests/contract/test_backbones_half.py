"""Every registered backbone with parameters in half precision: finite, and near float32."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.contract.backbone_case import BARE_AND_NORMED, HIDDEN, SIZES, every, inputs

SCALES = {"apart": 1.0, "close": 1e-2, "in one place": 0.0}
ROUNDING = {torch.float16: 2**-11, torch.bfloat16: 2**-8}


@every
@BARE_AND_NORMED
@pytest.mark.parametrize("dtype", list(ROUNDING), ids=str)
@pytest.mark.parametrize("scale", list(SCALES.values()), ids=list(SCALES))
def test_values_and_gradients_in_half_precision(name, norms, dtype, scale):
    """Squares of distances underflow from 2e-4 on, and 1/1e-3 is squared in many a gradient."""
    torch.manual_seed(0)
    hidden = HIDDEN[eqnorm.model_spec(name).features]
    options = {"layers": 2, "node_dim": 2, "edge_dim": 1, "hidden": hidden, **norms}
    model = eqnorm.create_model(name, message_aggregation="mean", **options)
    graph = Graph.complete(num_nodes=SIZES)
    given = inputs(graph, torch.float32)
    given |= {key: scale * given[key] for key in ("x", "v")}
    given = {key: value.to(dtype) for key, value in given.items()}
    model = model.to(dtype)
    leaves = {key: value.clone().requires_grad_() for key, value in given.items()}
    out = model(graph=graph, **leaves)
    (out.x.float().square().mean() + out.h.float().square().mean()).backward()
    tensors = [out.x, out.h, *(leaf.grad for leaf in leaves.values())]
    for tensor in (*tensors, *(p.grad for p in model.parameters())):
        assert tensor is None or tensor.isfinite().all()
    exact = model.float()(graph=graph, **{key: value.float() for key, value in given.items()})
    error = (out.x - exact.x).abs().max() / exact.x.abs().max().clamp(min=1e-2)
    assert error < 16 * ROUNDING[dtype]

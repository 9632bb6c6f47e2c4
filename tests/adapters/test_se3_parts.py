"""Parts of the SE(3)-Transformer: parameters, nonlinearity, attentive self-interaction."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch import nn

import eqnorm
from eqnorm_adapters._norm_nonlinearity import NormNonlinearity
from eqnorm_adapters._self_interaction import AttentiveSelfInteraction
from tests.adapters.scalarised_case import close, motion
from tests.adapters.se3_transformer_case import DOUBLE, ODD


@pytest.mark.parametrize("how", ["linear", "attentive", "skip"])
def test_parameter_count_in_closed_form(how: str) -> None:
    C, L, layers, A, H, K, node, edge = 5, 2, 3, 4, 6, 7, 2, 3
    model = eqnorm.create_model(
        "se3_transformer", hidden=C, lmax=L, layers=layers, heads=2, head_channels=2,
        radial_hidden=H, num_basis=K, node_dim=node, edge_dim=edge, self_interaction=how,
    )  # fmt: skip
    # Paths l1 x l2 -> l3 of natural parity: l1 + l2 + l3 even and a triangle.
    degrees = range(L + 1)
    into = {
        out: sum(
            (a + b + out) % 2 == 0 and abs(a - b) <= out <= a + b for a in degrees for b in degrees
        )
        for out in degrees
    }
    radial = (K + edge) * H + H
    send = (L + 1) * C * 2 * A
    convolution = sum(into.values()) * 2 * A * H
    query = sum(C * A * into[out] for out in degrees)
    project = sum((A * into[out] + (C if how == "linear" else 0)) * C for out in degrees)
    own = (L + 1) * (2 * C**2 + C**4 + C**2) if how == "attentive" else 0
    read_out = A * into[1] + C
    count = node * C + C + layers * (radial + send + convolution + query + project + own + read_out)
    count += (layers - 1) * (L + 1) * C
    assert sum(p.numel() for p in model.parameters()) == count


def test_nonlinearity_keeps_directions_and_changes_lengths() -> None:
    layer = NormNonlinearity(o3.Irreps("2x0e+2x1o"), nn.ReLU()).double()
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.5, -9.0, 1.0, -0.5]))
    f = torch.tensor([[-2.0, 3, 0, 3, 4, 0, 0, 0]], dtype=DOUBLE).requires_grad_()
    out = layer(f)
    expected = torch.tensor([[-2.5, 0, 0, 3.6, 4.8, 0, 0, 0]], dtype=DOUBLE)
    close(out, expected, 1e-4)
    out.sum().backward()
    assert f.grad is not None
    assert f.grad.isfinite().all()


def test_attentive_self_interaction_is_equivariant_and_nonlinear() -> None:
    irreps, element = o3.Irreps(ODD), motion(True)
    layer = AttentiveSelfInteraction(irreps).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    f, g = torch.randn(2, 5, irreps.dim, dtype=DOUBLE)
    close(layer(element.act(f, ODD)), element.act(layer(f), ODD))
    assert (layer(f + g) - layer(f) - layer(g)).abs().max() > 1e-3

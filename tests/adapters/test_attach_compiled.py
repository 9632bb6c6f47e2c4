"""A model with attached norms compiled, and without a wait for the device."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from eqnorm_adapters import attach, attachments
from tests.adapters.standins import Inner, system


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Inner("tuple") for _ in range(3))

    def forward(self, x, h, batch=None):
        for layer in self.layers:
            h, x = layer(x, h)
        return h, x


@pytest.mark.parametrize("norm", ["geonorm", "georms"])
def test_compiles_to_one_graph(norm):
    model = Chain()
    attach(model, norm, at="layers.*", output=1, points="x", batch="batch", num_graphs=2)
    _, x, _, batch = system()
    h = torch.randn(10, 4)
    wanted = model(x, h, batch)[1]
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, h, batch)[1], wanted)
    assert attachments(model)[0]._capture.frame is None


def test_a_compiled_model_sees_what_is_attached_later():
    model = Chain()
    compiled = torch.compile(model, backend="eager")
    x, h = torch.randn(5, 3), torch.randn(5, 4)
    plain = compiled(x, h)[1]
    handle = attach(model, "geonorm", at="layers.*", output=1, points="x", batch=None)
    normed = compiled(x, h)[1]
    torch.testing.assert_close(normed, model(x, h)[1])
    assert not torch.equal(normed, plain)
    handle.remove()
    assert torch.equal(compiled(x, h)[1], plain)


def test_no_wait_for_the_device_where_the_number_of_graphs_is_known():
    from torch._subclasses.fake_tensor import FakeTensorMode

    # A fake tensor has no values: whatever would read one raises.
    with FakeTensorMode():
        for batch, num_graphs in ((5, None), ("batch", 2), (None, None)):
            model = Chain()
            attach(
                model,
                "geonorm",
                at="layers.*",
                output=1,
                points="x",
                batch=batch,
                num_graphs=num_graphs,
            )
            x, h = torch.empty(10, 3), torch.empty(10, 4)
            given = torch.empty(10, dtype=torch.int64)
            assert model(x, h, given)[1].shape == (10, 3)

"""Which submodules get a norm, and when it is called: shared ones, several attachments, errors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm_adapters import attach, attachments
from tests.adapters.attach_case import GEO, expected
from tests.adapters.standins import EGNN, Inner, Outer, Reused, system


def test_irreps_told_by_the_submodule():
    class Typed(nn.Module):
        def __init__(self, irreps):
            super().__init__()
            self.irreps_out = irreps

        def forward(self, x):
            return torch.cat([x, x], -1)[:, : eqnorm.parse_type(self.irreps_out).dim]

    model = nn.Sequential(Typed("2x0e+1o"), Typed("4x0e+2x1o"))
    handle = attach(model, "rmsnorm", at="*", on=lambda m: m.irreps_out, last=True)
    assert [norm.dim for norm in handle.norms.values()] == [5, 10]
    assert model(torch.randn(3, 5)).shape == (3, 10)


def test_which_submodules():
    def sites(at, last=False):
        model = EGNN()
        return list(attach(model, "geonorm", at=at, output=1, last=last, points=1, batch=5).norms)

    assert sites("gcl_*") == ["gcl_0", "gcl_1"]
    assert sites("gcl_*", last=True) == ["gcl_0", "gcl_1", "gcl_2"]
    assert sites("gcl_2") == ["gcl_2"]
    assert sites(["gcl_2", "gcl_0"]) == ["gcl_0", "gcl_2"]
    assert sites(["gcl_[01]", "gcl_2"]) == ["gcl_0", "gcl_1", "gcl_2"]
    assert sites("**.coord_mlp", last=True) == [f"gcl_{i}.coord_mlp" for i in range(3)]
    assert sites("", last=False) == [""]


def test_a_shared_submodule_has_one_norm():
    model = Outer("tensor")
    model.again = model.inner
    handle = attach(model, "geonorm", at=["inner", "again"], points="x", batch=None)
    assert list(handle.norms) == ["inner"]


def test_a_layer_used_several_times_is_normalised_each_time():
    model = Reused()
    handle = attach(model, "geonorm", at="layer", points="x", batch=None)
    x = torch.randn(6, 3)
    norm, wanted = handle.norms["layer"], x
    for _ in range(3):
        wanted = norm(2 * wanted + 1, None, x0=x)
    torch.testing.assert_close(model(x), wanted)


def test_two_attachments_run_in_the_order_they_were_made():
    _, x, _, batch = system()
    model = Outer("tuple")
    h = torch.randn(10, 4)
    first = attach(model, "geonorm", at="inner", output=1, **GEO)
    second = attach(model, "layernorm", at="inner", output=0, on="4x0e")
    third = attach(model, "georms", at="inner", output=1, **GEO)
    assert (first.name, second.name, third.name) == ("eqnorm", "eqnorm_2", "eqnorm_3")
    assert [each.name for each in attachments(model)] == ["eqnorm", "eqnorm_2", "eqnorm_3"]
    out = model(x, h, batch)
    georms = eqnorm.create_norm("georms", on="points")
    torch.testing.assert_close(out[1], georms(expected(x, batch), batch, x0=x))
    torch.testing.assert_close(out[0], eqnorm.create_norm("layernorm", on="4x0e")(h))
    first.remove()
    out = model(x, h, batch)
    torch.testing.assert_close(out[1], georms(2 * x + 1, batch, x0=x))


def test_the_model_is_used_again_after_an_error():
    model = Reused()
    handle = attach(model, "geonorm", at="layer", points="x", batch=None)
    x = torch.randn(6, 3)
    wanted = model(x)
    with pytest.raises(KeyError, match="told to"):
        model(torch.randn(4, 3), fail=True)
    assert attachments(model)[0]._capture.frame is None
    with pytest.raises(RuntimeError, match="'layer' was called outside a call of the model"):
        model.layer(x, None)
    assert torch.equal(model(x), wanted)
    handle.remove()
    assert torch.equal(model.layer(x, None), 2 * x + 1)


def test_a_model_that_calls_itself():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Inner("tensor")

        def forward(self, x, depth=1):
            inside = self(3 * x, depth - 1) if depth else 0
            return self.layer(x, None) + inside

    model = Twice()
    attach(model, "geonorm", at="layer", points="x", batch=None)
    x = torch.randn(5, 3)
    torch.testing.assert_close(model(x), expected(x, None) + expected(3 * x, None))


def test_norms_that_need_nothing_work_outside_the_model_too():
    model = Outer("tuple")
    attach(model, "layernorm", at="inner", output=0, on="4x0e")
    h = torch.randn(5, 4)
    out = model.inner(torch.randn(5, 3), h)[0]
    torch.testing.assert_close(out, eqnorm.create_norm("layernorm", on="4x0e")(h))


def test_activation_checkpointing_says_why_it_does_not_work():
    from torch.utils.checkpoint import checkpoint

    class Saved(Outer):
        def forward(self, x, h):
            return checkpoint(self.inner, x, h, use_reentrant=False)

    model = Saved("tensor")
    attach(model, "geonorm", at="inner", points="x", batch=None)
    x = torch.randn(5, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="activation checkpointing"):
        model(x, None).sum().backward()
    whole = Outer("tensor")
    attach(whole, "geonorm", at="inner", points="x", batch=None)
    checkpoint(whole, x, None, use_reentrant=False).sum().backward()

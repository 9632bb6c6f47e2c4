"""What attached norms compute, wherever the output, the points and the batch are found."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm.testing import assert_equivariant, find_violation
from eqnorm_adapters import attach, attachments
from tests.adapters.standins import EGNN, EGNNVel, Inner, Outer, Pair, Reused, system

GEO = {"points": "x", "batch": "batch"}
WHERE = {
    "tensor": (None, lambda out: out),
    "tuple": (1, lambda out: out[1]),
    "list": (-1, lambda out: out[1]),
    "dict": ("x", lambda out: out["x"]),
    "named": ("points", lambda out: out.points),
    "nested": ("1.deep.0", lambda out: out[1]["deep"][0]),
    "columns": (slice(3), lambda out: out[:, :3]),
}


def expected(x, batch):
    return eqnorm.create_norm("geonorm", on="points")(2 * x + 1, batch, x0=x)


@pytest.mark.parametrize("kind", WHERE)
def test_every_kind_of_output(kind):
    _, x, _, batch = system()
    h = torch.randn(10, 4)
    output, read = WHERE[kind]
    model = Outer(kind)
    plain = model(x, h)
    attach(model, "geonorm", at="inner", output=output, **GEO)
    out = model(x, h, batch)
    torch.testing.assert_close(read(out), expected(x, batch))
    assert type(out) is type(plain)
    if kind == "named":
        assert isinstance(out, Pair)
        assert torch.equal(out.scalars, h)
    if kind == "columns":
        assert torch.equal(out[:, 3:], h)


def test_the_layers_own_output_is_not_written_into():
    kept = {"h": torch.ones(4, 2), "x": torch.randn(4, 3)}
    before = dict(kept)

    class Cached(nn.Module):
        def forward(self, x, h):
            return kept

    model = Outer("dict")
    model.inner = Cached()
    attach(model, "geonorm", at="inner", output="x", points="x", batch=None)
    model(torch.randn(4, 3), None)
    assert kept.keys() == before.keys()
    assert all(kept[key] is before[key] for key in kept)


@pytest.mark.parametrize("by", ["name", "keyword", "position", "graph", "size", "callable"])
def test_every_way_to_name_points_and_batch(by):
    _, x, _, batch = system()
    model = Outer("tensor")
    points, where = {
        "name": ("x", "batch"),
        "keyword": ("x", "batch"),
        "position": (0, "batch"),
        "graph": ("x", eqnorm.Graph.complete(2, 5)),
        "size": ("x", 5),
        "callable": (lambda x, h, batch: x, lambda x, h, batch: batch),
    }[by]
    attach(model, "geonorm", at="inner", points=points, batch=where)
    out = model(x=x, h=None, batch=batch) if by == "keyword" else model(x, None, batch)
    torch.testing.assert_close(out, expected(x, batch))


def test_parts_of_arguments_and_unnamed_keywords():
    class FromDict(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner("tensor")

        def forward(self, data, **more):
            return self.inner(data["pos"], None)

    _, x, _, batch = system()
    model = FromDict()
    handle = attach(model, "geonorm", at="inner", points="data.pos", batch="data.batch")
    torch.testing.assert_close(model({"pos": x, "batch": batch}), expected(x, batch))
    handle.remove()
    attach(model, "geonorm", at="inner", points="data.pos", batch="index", num_graphs=2)
    torch.testing.assert_close(model({"pos": x}, index=batch), expected(x, batch))


def test_dense_layout_with_and_without_a_mask():
    x = torch.randn(2, 5, 3)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    model = Outer("tensor")
    attach(model, "geonorm", at="inner", points="x", batch="batch")
    flat = expected(x.flatten(0, 1), torch.arange(2).repeat_interleave(5))
    torch.testing.assert_close(model(x, None, None), flat.view(2, 5, 3))
    out = model(x, None, mask)
    torch.testing.assert_close(out[1, :3], expected(x[1, :3], None))


def test_velocities_and_features_reach_the_norm():
    seen = {}

    class Spy(nn.Module):
        def forward(self, x, graph=None, x0=None, v=None, h=None):
            seen.update(x=x, graph=graph, x0=x0, v=v, h=h)
            return x

    model = Outer("tuple")
    attach(model, Spy(), at="inner", output=1, points="x", velocities="vel", features=0, batch=None)
    x, v, h = torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 2)
    model(x, h, vel=v)
    assert torch.equal(seen["x0"], x)
    assert torch.equal(seen["v"], v)
    assert torch.equal(seen["h"], h)
    assert seen["graph"] is None


def test_points_are_those_from_before_the_model_wrote_into_them():
    h, x, edges, _ = system(1)
    seen = []

    class Spy(nn.Module):
        def forward(self, x, graph=None, x0=None, v=None, h=None):
            seen.append(x0)
            return 2 * x

    model = EGNNVel()
    attach(model, Spy(), at="gcl_*", output=1, points="x", batch=None, last=True)
    first = x.clone()
    model(h, x, edges, torch.randn_like(x), None)
    assert not torch.equal(x, first)
    assert len(seen) == 3
    assert all(torch.equal(each, first) for each in seen)


def test_update_of_normalises_what_the_layer_adds():
    h, x, edges, batch = system()
    v = torch.randn_like(x)
    model = EGNNVel(layers=1)
    with torch.no_grad():
        model.gcl_0.coord_mlp_vel.bias.fill_(50.0)
        free = model(h, x.clone(), edges, v, None) - x
        attach(
            model,
            "softcap",
            at="gcl_0",
            output=1,
            on="1o",
            points="x",
            velocities="vel",
            batch=5,
            update_of="coord",
        )
        out = model(h, x.clone(), edges, v, None) - x
    wanted = eqnorm.create_norm("softcap", on="1o")(free, batch, x0=x, v=v)
    torch.testing.assert_close(out, wanted, atol=1e-4, rtol=1e-4)
    assert out.norm() < free.norm() / 5


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


def test_half_precision_and_double_points():
    _, x, _, batch = system()
    model = Outer("tensor")
    attach(model, "geonorm", at="inner", **GEO)
    assert model(x.bfloat16(), None, batch).dtype == torch.bfloat16
    model.inner.register_forward_hook(lambda m, a, out: out.double(), prepend=True)
    assert model(x, None, batch).dtype == torch.float64


def test_gradients_flow_to_the_norms_and_through_them():
    h, x, edges, _ = system()
    model = EGNNVel()
    handle = attach(model, "geonorm", at="gcl_*", output=1, points="x", batch=5)
    model(h, x.clone(), edges, torch.randn_like(x), None).square().mean().backward()
    assert all(norm.gain.grad.abs() > 0 for norm in handle.norms.values())
    assert model.gcl_0.coord_mlp.weight.grad.abs().sum() > 0


INPUTS = {"h": "1x0e", "x": "points", "edges": "edge_index", "edge_attr": "edge:2x0e"}


class Batched(EGNN):
    """The stand-in with a batch argument, so that graphs of several sizes can be drawn."""

    def forward(self, h, x, edges, edge_attr, batch):
        return super().forward(h, x, edges, edge_attr)


def batched():
    torch.manual_seed(0)
    return Batched(edges=2)


def test_geonorm_keeps_the_symmetry():
    model = batched()
    attach(model, "geonorm", at="gcl_*", output=1, **GEO)
    assert_equivariant(
        model, inputs={**INPUTS, "batch": "batch"}, output=("1x0e", "points"), quick=True
    )


def test_layernorm_on_points_breaks_it():
    model = batched()
    attach(model, "layernorm", at="gcl_*", output=1, batch="batch")
    found = find_violation(
        model,
        inputs={**INPUTS, "batch": "batch"},
        output=("1x0e", "points"),
        quick=True,
        names=["rotation", "translation"],
    )
    assert found is not None


def test_the_wrong_batch_is_found_by_the_checker():
    model = batched()
    attach(model, "geonorm", at="gcl_*", output=1, points="x", batch=None)
    found = find_violation(
        model, inputs={**INPUTS, "batch": "batch"}, output=("1x0e", "points"), quick=True
    )
    assert found is not None
    assert found.name == "independence"


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

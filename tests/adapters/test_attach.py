"""What attached norms compute, wherever the output, the points and the batch are found."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm_adapters import attach
from tests.adapters.attach_case import GEO, expected
from tests.adapters.standins import EGNNVel, Inner, Outer, Pair, system

WHERE = {
    "tensor": (None, lambda out: out),
    "tuple": (1, lambda out: out[1]),
    "list": (-1, lambda out: out[1]),
    "dict": ("x", lambda out: out["x"]),
    "named": ("points", lambda out: out.points),
    "nested": ("1.deep.0", lambda out: out[1]["deep"][0]),
    "columns": (slice(3), lambda out: out[:, :3]),
}


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

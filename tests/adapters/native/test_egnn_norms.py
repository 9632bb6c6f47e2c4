"""Norms of updates and positions within the compiled call of all layers: as layer by layer."""

from __future__ import annotations

import copy

import pytest
import torch

from eqnorm import Graph
from eqnorm.functional import irreps as functional
from eqnorm.norms.points.geonorm import GeoNorm
from eqnorm_adapters._egnn.compiled import in_one
from tests.adapters.native.egnn_case import (
    GRAPHS,
    assert_kernel_equivariant,
    build,
    error,
    inputs,
    results,
)
from tests.adapters.norms_case import CHOICES, apart, gradients_or_zeros, with_loops

pytestmark = [pytest.mark.usefixtures("compiled"), with_loops]


@pytest.fixture
def calls(monkeypatch):
    """How many norms there are in every call for more than updates."""
    found = []
    real = in_one.forward

    def counted(flat, settings, slots):
        if not settings.update:
            found.append(sum(slot is not None for slot in slots))
        return real(flat, settings, slots)

    monkeypatch.setattr(in_one, "forward", counted)
    return found


@pytest.mark.parametrize("norm_last", [False, True])
@pytest.mark.parametrize("graph", ["complete", "ragged", "nodes without edges"])
@pytest.mark.parametrize("name", ["egnn", "egnn_vel"])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_same_as_layer_by_layer(choice, name, graph, norm_last, calls):
    options = CHOICES[choice]
    model = build(name, layers=3, norm_last=norm_last, message_aggregation="mean", **options)
    g = GRAPHS[graph]()
    given = inputs(model, g)
    ours = results(model, g, given, True)
    assert calls == [3 * len(options) - ("norm" in options and not norm_last)]
    single = apart(lambda: results(model, g, given, True))
    assert len(calls) == 1
    for k in range(2):
        assert error(ours[k], single[k]) < 1e-5


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("output", ["x", "h"])
@pytest.mark.parametrize("wanted", ["x", "v", "h", "edge_attr", "parameters"])
def test_some_gradients_only(wanted, output, layers, calls):
    model = build(layers=layers, norm_last=True, **CHOICES["both"])
    graph = Graph.complete(2, 5)
    given = inputs(model, graph)
    if wanted == "parameters":
        leaves = list(model.parameters())
    else:
        model.requires_grad_(False)
        leaves = [given[wanted].requires_grad_()]

    def gradients():
        out = getattr(model(graph=graph, **given), output)
        return gradients_or_zeros(out.square().sum(), leaves)

    ours = gradients()
    assert len(calls) == 1
    assert error(ours, apart(gradients)) < 1e-5


def test_its_gradient_can_be_differentiated(calls):
    model, graph = build(norm_last=True, **CHOICES["both"]), Graph.complete(2, 5)
    given = inputs(model, graph)

    def second(model, given):
        x = given["x"].clone().requires_grad_()
        energy = model(graph=graph, **{**given, "x": x}).x.square().sum()
        (force,) = torch.autograd.grad(energy, x, create_graph=True)
        wanted = [x, *model.layers[0].parameters()]
        return gradients_or_zeros(force.square().sum(), wanted)

    ours = second(model, given)
    assert len(calls) == 1
    exact = copy.deepcopy(model).double()
    double = {name: value.double() for name, value in given.items()}
    assert error(ours, second(exact, double)) < 1e-4


def test_gone_through_twice_and_without_gradients(calls):
    model, graph = build(norm_last=True, **CHOICES["both"]), Graph.complete(3, 6)
    given = inputs(model, graph)
    out = model(graph=graph, **given)
    loss = out.x.square().sum() + out.h.sum()
    parameters = list(model.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    again = torch.autograd.grad(loss, parameters)
    assert all(torch.equal(p, q) for p, q in zip(first, again, strict=True))
    with torch.no_grad():
        alone = model(graph=graph, **given)
    assert torch.equal(alone.x, out.x)
    assert torch.equal(alone.h, out.h)
    assert len(calls) == 2


def test_what_was_changed_in_place_is_not_used():
    graph = Graph.complete(2, 5)
    for norm, fails in (("geofilm", True), ("geonorm", False)):
        model = build(norm=norm, norm_last=True)
        out = model(graph=graph, **inputs(model, graph))
        out.h.add_(1.0)  # the gradient of a last norm that reads it is made of it
        if fails:
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                out.x.sum().backward()
        else:
            out.x.sum().backward()


def test_what_has_no_part_has_no_gradient(calls):
    for layers in (1, 2):
        model = build(layers=layers, norm_last=True, **CHOICES["all"])
        graph = Graph.complete(2, 5)
        model(graph=graph, **inputs(model, graph)).h.sum().backward()
        last = model.layers[-1]
        for part in (last.norm, last.update_norm, last.coord_mlp_vel):
            assert all(p.grad is None for p in part.parameters())
        before = model.layers[0].parameters() if layers > 1 else last.feature_norm.parameters()
        assert all(p.grad is not None for p in before)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("slot", "name"),
    [
        *[("update_norm", name) for name in ("batchnorm", "vn_batchnorm", "graphnorm")],
        *[("feature_norm", name) for name in ("batchnorm", "graphnorm", "instancenorm")],
    ],
)
def test_running_statistics_are_of_what_a_norm_gets(slot, name, calls):
    graph = Graph.complete(2, 5)
    model = build(**{slot: name})
    other, given = copy.deepcopy(model), inputs(model, graph)
    model(graph=graph, **given)
    apart(lambda: other(graph=graph, **given))
    assert not calls
    for ours, theirs in zip(model.buffers(), other.buffers(), strict=True):
        assert torch.equal(ours, theirs)


class Deeper(torch.nn.Module):
    """What someone has put into a norm: coefficients of the features, but not those of Film."""

    def forward(self, h, like, amplitude, around_one=0, more=None):
        return h[:, :3].tanh() * amplitude


@pytest.mark.parametrize("choice", ["geofilm", "rms_film", "system"])
def test_equivariant(choice, monkeypatch):
    options = {"edge_dim": 0, "norm_last": True, **CHOICES[choice]}
    assert_kernel_equivariant(build(**options), monkeypatch)


class Doubled(GeoNorm):
    """What someone has made of a norm."""

    def normalize(self, x, graph, x0, v, h):
        return 2 * super().normalize(x, graph, x0, v, h)


def test_where_it_does_not_apply(calls):
    graph = Graph.complete(2, 5)

    def used(change=lambda model: None, **options) -> bool:
        model = build(**{"norm": "geonorm", "norm_last": True, **options})
        change(model)
        given = inputs(model, graph)
        calls.clear()
        ours = model(graph=graph, **given)
        theirs = apart(lambda: model(graph=graph, **given))
        both = [[out.x.detach(), out.h.detach()] for out in (ours, theirs)]
        assert error(*both) < 1e-5
        return bool(calls)

    assert used()
    assert not used(norm=("geonorm", {"faithful": True}))  # which has no loop
    assert not used(norm=("geoframe", {"chiral": True}))
    assert not used(norm=Doubled())
    seen = []
    hook = lambda *_: seen.append(1)  # noqa: E731
    assert not used(lambda model: model.layers[1].norm.register_forward_hook(hook))
    assert len(seen) == 2
    inside = lambda model: model.layers[1].norm.coefficients.register_forward_hook(hook)  # noqa: E731
    assert not used(inside, norm="geofilm")
    assert len(seen) == 4

    def halved(model):
        parametrize = torch.nn.utils.parametrize
        parametrize.register_parametrization(model.layers[0].norm, "gain", torch.nn.Tanh())

    assert not used(halved)
    changed = lambda model: setattr(model.layers[1].norm, "coefficients", Deeper())  # noqa: E731
    assert not used(changed, norm="system")
    doubled = lambda x, *_: 2 * x  # noqa: E731
    assert not used(lambda model: setattr(model.layers[1].norm, "normalize", doubled))
    before = functional.compiled_available()
    functional.use_compiled(False)
    try:
        assert not used()
    finally:
        functional.use_compiled(before)


def test_a_norm_that_does_nothing_is_none(calls):
    model, graph = build(norm="identity", norm_last=True), Graph.complete(2, 5)
    model(graph=graph, **inputs(model, graph))
    assert calls == [0]


def test_norms_still_look_at_what_they_get(calls):
    model = build(norm=("geonorm", {"per_particle": 5}), norm_last=True)
    fits, other = Graph.complete(2, 5), Graph.complete(2, 6)
    model(graph=fits, **inputs(model, fits))
    assert calls == [2]
    with pytest.raises(ValueError, match="for systems of 5 particles"):
        model(graph=other, **inputs(model, other))
    box = GRAPHS["periodic"]()
    model = build(norm="geonorm")
    with pytest.raises(ValueError, match="periodic"):
        model(graph=box, **inputs(model, box))


def test_parameters_of_another_dtype(calls):
    model, graph = build(norm="geonorm", norm_last=True), Graph.complete(2, 5)
    model.layers[0].norm.double()  # which a loop of float32 would read as such
    given = inputs(model, graph)
    model(graph=graph, **given)
    assert not calls

"""`segnn` and its product against the official code's numbers and e3nn; options."""

from __future__ import annotations

import math

import pytest
import torch
from e3nn import o3

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._slotted import Start
from eqnorm_adapters._steerable_product import SteerableProduct
from tests.adapters import e3nn_case
from tests.adapters.scalarised_case import against, build, close, inputs, recorded

DOUBLE = torch.float64


@pytest.mark.parametrize(
    ("irreps_in", "irreps_out", "lmax"),
    [
        ("3x0e+2x1o", "4x0e+2x1o+1x2e", 1),
        ("2x0e+1x1o+2x0e+1x2e", "2x0e+1x2e+2x1o+3x0e", 2),
        ("2x1e+1x0o+2x1o", "2x0e+2x0o+1x1e+1x2o", 2),
    ],
)
def test_a_product_equals_e3nn(irreps_in, irreps_out, lmax):
    ours = SteerableProduct(irreps_in, irreps_out, lmax).double()
    x = torch.randn(5, ours.irreps_in.dim, dtype=DOUBLE)
    attributes = torch.randn(5, (lmax + 1) ** 2, dtype=DOUBLE)
    expected = e3nn_case.Product(ours, lmax)(x, attributes)
    torch.testing.assert_close(ours(x, attributes), expected, rtol=1e-12, atol=1e-13)
    assert ours(x[:0], attributes[:0]).shape == (0, ours.irreps_out.dim)


def test_irreps_that_no_path_reaches_are_zero():
    layer = SteerableProduct("2x0e", "1x0e+1x1o+2x1e", 1)
    out = layer(torch.randn(3, 2), torch.randn(3, 4))
    assert out[:, :4].all()
    assert not out[:, 4:].any()


def test_weights_start_as_those_of_a_linear_layer():
    layer = SteerableProduct("20x0e+10x1o", "50x0e+40x1o", 1)
    for weight in layer.weights:
        assert 0.95 < weight.abs().max() * math.sqrt(30) <= 1
    assert layer.biases[0].abs().max() * math.sqrt(30) <= 1


# --- against the official code ------------------------------------------------------------------


def official(product, state, name, scalars=None):
    """The official weights in a product of ours; those of a gated one with `scalars` before gates.

    The official code has scalars and gates as one output.
    """
    theirs, flat = product.irreps_out, state[f"{name}.tp.weight"]
    if scalars is not None:
        gates = theirs[0].mul
        theirs = o3.Irreps([(scalars + gates, "0e"), *theirs[2:]])
    attributes = o3.Irreps("1x0e+1x1o+1x2e")
    parts = {k: [] for k in range(len(theirs))}
    for mul, irrep in product.irreps_in:
        for _, attribute in attributes:
            for k, (to, target) in enumerate(theirs):
                if target in irrep * attribute:
                    parts[k].append(flat[: mul * to].view(mul, to))
                    flat = flat[mul * to :]
    assert flat.numel() == 0
    weights = [torch.cat(rows) for rows in parts.values()]
    biases = [state[f"{name}.biases"]] if f"{name}.biases" in state else []
    if scalars is not None:
        weights[:1] = [weights[0][:, scalars:], weights[0][:, :scalars]]
        biases[:1] = [biases[0][scalars:], biases[0][:scalars]]
    with torch.no_grad():
        for ours, value in zip([*product.weights, *product.biases], weights + biases, strict=True):
            ours.copy_(value)


def test_features_and_gradients_are_the_official_ones():
    folders = recorded("segnn", "segnn")
    options = {"hidden": "5x0e+3x1o+2x2e", "lmax": 2, "layers": 2, "edge_dim": 1}
    model = eqnorm.create_model("segnn", **options).double()
    state, graph = folders["state"], Graph.complete(2, 4)
    given = folders["in"] = {k: v.requires_grad_() for k, v in folders["in"].items()}
    official(model.embedding, state, "embedding_layer")
    of_edges, of_nodes = given["of_edges"], given["of_nodes"]
    f = model.embedding(given["f"], of_nodes)
    for index, layer in enumerate(model.layers):
        for kind in ("message", "update"):
            for k in (1, 2):
                module, name = getattr(layer, f"{kind}_{k}"), f"layers.{index}.{kind}_layer_{k}"
                gated = hasattr(module, "gate")
                official(module.product if gated else module, state, name, 5 if gated else None)
        message = graph.aggregate(layer.messages(f, given["e"], of_edges, graph))
        f = f + layer.update(f, message, of_nodes)
    # The published output block reads no messages: they are 0 here, and have the last weights.
    first, second = model.layers[1].step_1, model.layers[1].step_2
    alone = SteerableProduct(model.irreps, first.product.irreps_out, 2).double()
    official(alone, state, "pre_pool1", 5)
    official(second, state, "pre_pool2")
    y = second(first.gate(alone(f, of_nodes)), of_nodes)
    against(folders, {"f": f, "y": y}, 1e-12)


def test_attributes_are_the_official_ones():
    folders = recorded("segnn", "segnn")
    layer = eqnorm.create_model("segnn", hidden=3, lmax=2, layers=1).double().layers[0]
    x, v = folders["points"]["x"], folders["points"]["v"]
    start = Start(Graph.complete(2, 4), x, v, None)
    invariants, of_edges, of_nodes, envelope = layer.geometry(x, start, None)
    close(of_edges, folders["in"]["of_edges"], 1e-5)  # soft directions
    close(of_nodes, folders["in"]["of_nodes"], 1e-5)
    close(invariants, start.graph.relative(x).square().sum(-1, keepdim=True))
    assert envelope is None


def test_number_of_parameters_of_the_official_model():
    """Of its N-body model; see data/official_segnn.md."""
    options = {"hidden": "32x0e+32x1o", "edge_dim": 1, "from_centre": True}
    model = eqnorm.create_model("segnn", layers=4, **options)
    counted = [p.numel() for name, p in model.layers.named_parameters() if "step" not in name]
    assert sum(counted) == 140928
    # Ours has h beside the speed: one more scalar, with a weight for each 0e and 1o.
    assert sum(p.numel() for p in model.embedding.parameters()) == 224 + 64


# --- options ------------------------------------------------------------------------------------


def test_nothing_is_felt_beyond_the_cutoff():
    model = build("segnn", cutoff=1.5, edge_dim=0)
    x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2.6, 0, 0]], dtype=DOUBLE)
    far = x + torch.tensor([[0.0], [0], [40]], dtype=DOUBLE)
    graph = Graph.complete(1, 3)
    near = model(x, graph)
    close(near.x[:2], model(far, graph).x[:2], 1e-13)
    closer = x - torch.tensor([[0.0] * 3, [0.0] * 3, [1.0, 0, 0]], dtype=DOUBLE)
    assert (model(closer, graph).h[0] - near.h[0]).abs().max() > 1e-4


@pytest.mark.parametrize("options", [{"cutoff": 2.0}, {"num_basis": 5}, {"from_centre": True}])
def test_options_keep_degenerate_input_finite(options):
    model, graph = build("segnn", torch.float32, **options), Graph.complete(num_nodes=[4, 1])
    for factor in (0.0, 1e-20, 1e-3, 1e3):
        given = inputs(graph, torch.float32)
        x = (given["x"] * factor).requires_grad_()
        out = model(**{**given, "x": x, "v": given["v"] * factor}, graph=graph)
        (out.x.square().sum() + out.h.square().sum()).backward()
        for value in (out.x, out.h, x.grad, *(p.grad for p in model.parameters())):
            assert value.isfinite().all()


def test_irreps_of_any_parity_keep_the_symmetry():
    hidden = "3x0e+2x1o+2x1e+1x2e+1x0o"
    model, graph = build("segnn", hidden=hidden, lmax=2), Graph.complete(1, 5)
    given = inputs(graph)
    for sign in (1, -1):
        rotation = sign * torch.linalg.qr(torch.randn(3, 3, dtype=DOUBLE))[0]
        turned = {**given, **{key: given[key] @ rotation.T for key in ("x", "v")}}
        out, found = model(graph=graph, **given), model(graph=graph, **turned)
        close(found.x, out.x @ rotation.T)
        matrix = model.irreps.D_from_matrix(rotation)
        close(found.h, out.h @ matrix.T, 1e-6)  # e3nn makes its matrices in single precision


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_basis": -1}, "num_basis must be an integer of at least 0, .* got -1"),
        ({"lmax": 0}, "lmax must be an integer from 1 to 11, got 0"),
        ({"cutoff": 0.0}, "cutoff must be positive, or None"),
        ({"hidden": "8x0e"}, "has no 1o"),
    ],
)
def test_bad_options_say_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=text):
        eqnorm.create_model("segnn", **options)

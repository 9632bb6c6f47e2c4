"""Parts that e3nn backbones share, against e3nn's own modules and against loops."""

from __future__ import annotations

import math

import pytest
import torch
from e3nn import nn as e3nn_nn
from e3nn import o3

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._conv.convolution import Convolution
from eqnorm_adapters._gate import SIGMOID_NORM, SILU_NORM, TANH_NORM, Gate
from eqnorm_adapters._irreps import IrrepsLinear, Scalars, hidden_irreps
from eqnorm_adapters._radial import RadialBasis

DOUBLE = torch.float64
IRREPS = ["3x0e+3x1o", "2x0e+3x1o+1x2e", "2x1o+2x0e+1x0o+2x1e", "1x0e+1x1o+1x2e+1x3o"]


def _convolution_case(irreps: str, lmax: int) -> tuple[Convolution, tuple[object, ...]]:
    layer = Convolution(o3.Irreps(irreps), lmax, o3.Irreps(irreps), hidden=5).double()
    graph = Graph.from_edges(
        torch.tensor([[0, 1, 2, 2, 0], [1, 0, 0, 1, 3]]), num_nodes=4, num_graphs=1
    )
    h = torch.randn(4, o3.Irreps(irreps).dim, dtype=DOUBLE)
    u, phi = torch.randn(5, 3, dtype=DOUBLE), torch.randn(5, 5, dtype=DOUBLE)
    return layer, (h, u, phi, graph)


def _check(
    path: str, layer: Convolution, given: tuple[object, ...], expected: torch.Tensor
) -> None:
    """Of the path in torch in float64, or of the compiled one in float32."""
    if path == "torch":
        torch.testing.assert_close(layer(*given), expected, rtol=1e-12, atol=1e-13)
        return
    if not native.native_available("conv"):
        pytest.skip("no C compiler here, or turned off")
    single = [value.float() if isinstance(value, torch.Tensor) else value for value in given]
    found = layer.float()(*single).double()
    assert (found - expected).abs().max() < 1e-6 * (1 + expected.abs().max())
    assert not torch.equal(found, expected)


@pytest.mark.parametrize("path", ["torch", "compiled"])
@pytest.mark.parametrize("irreps", IRREPS)
def test_convolution_equals_a_loop_over_clebsch_gordan_symbols(irreps: str, path: str) -> None:
    layer, (h, u, phi, graph) = _convolution_case(irreps, lmax=2)
    blocks = o3.Irreps(irreps)
    expected = torch.zeros(4, layer.irreps_out.dim, dtype=DOUBLE)
    for edge, (j, i) in enumerate(graph.edge_index.T.tolist()):
        start = 0
        for block, place in layer.order:
            (mul, irrep), path = blocks[block], layer.blocks[block].paths[place]
            symbols = o3.wigner_3j(irrep.l, path.filter_degree, path.out_degree, dtype=DOUBLE)
            filters = o3.spherical_harmonics(path.filter_degree, u[edge], False, "component")
            for c in range(mul):
                weight = (phi[edge] @ layer.weights[block][:, c, place]) / math.sqrt(5)
                first = blocks.slices()[block].start + c * irrep.dim
                sent = h[j, first : first + irrep.dim]
                value = torch.einsum("abk,a,b->k", symbols, sent, filters)
                stop = start + path.dim
                expected[i, start:stop] += math.sqrt(path.dim) * weight * value
                start = stop
        assert start == layer.irreps_out.dim
    _check(path, layer, (h, u, phi, graph), expected)


@pytest.mark.parametrize("path", ["torch", "compiled"])
def test_convolution_equals_e3nn_tensor_product(path: str) -> None:
    layer, (h, u, phi, graph) = _convolution_case(IRREPS[1], lmax=2)
    blocks, filters = o3.Irreps(IRREPS[1]), o3.Irreps("0e+1o+2e")
    paths = [(block, place, layer.blocks[block].paths[place]) for block, place in layer.order]
    parity = {0: "e", 1: "o", 2: "e"}
    out = o3.Irreps([(blocks[b].mul, f"{p.out_degree}{parity[p.out_degree]}") for b, _, p in paths])
    instructions = [(b, p.filter_degree, k, "uvu", True) for k, (b, _, p) in enumerate(paths)]
    default = torch.get_default_dtype()
    torch.set_default_dtype(DOUBLE)
    try:
        product = o3.TensorProduct(
            blocks, filters, out, instructions, internal_weights=False, shared_weights=False
        )
    finally:
        torch.set_default_dtype(default)
    weights = [phi @ layer.weights[b][:, :, place] / math.sqrt(5) for b, place, _ in paths]
    harmonics = o3.spherical_harmonics([0, 1, 2], u, False, "component")
    messages = product(h[graph.senders], harmonics, torch.cat(weights, dim=-1))
    expected = torch.zeros(4, out.dim, dtype=DOUBLE).index_add(0, graph.receivers, messages)
    _check(path, layer, (h, u, phi, graph), expected)


@pytest.mark.parametrize(("irreps", "lmax"), [(IRREPS[1], 2), (IRREPS[2], 1)])
def test_factored_sum_equals_the_direct_one(
    irreps: str, lmax: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Convolution(o3.Irreps(irreps), lmax, o3.Irreps(irreps), hidden=3).double()
    for graph in (Graph.complete(2, 7), Graph.complete(3, 1), Graph.complete(1, 2)):
        given = [
            torch.randn(rows, width, dtype=DOUBLE, requires_grad=True)
            for rows, width in (
                (graph.num_nodes, layer.irreps_in.dim),
                (graph.num_edges, 3),
                (graph.num_edges, 3),
            )
        ]
        results = []
        for threshold in (0.0, math.inf):
            monkeypatch.setattr("eqnorm_adapters._conv.convolution._FACTORED_FROM", threshold)
            out = layer(*given, graph)
            leaves = [*given, *layer.weights]
            results.append([out, *torch.autograd.grad(out.sin().sum(), leaves)])
        for factored, direct in zip(*results, strict=True):
            torch.testing.assert_close(factored, direct, rtol=1e-11, atol=1e-12)


def test_constants_survive_a_trip_through_float32() -> None:
    layer = Convolution(o3.Irreps(IRREPS[3]), 3, o3.Irreps(IRREPS[3]), hidden=2)
    there_and_back = layer.half().float().double()
    for block, exact in enumerate(layer._exact):
        assert torch.equal(getattr(there_and_back, f"coupling{block}"), exact)
    assert not any("coupling" in key for key in layer.state_dict())


def test_linear_equals_e3nn_linear() -> None:
    ours = IrrepsLinear("3x0e+2x1o+1x0o+2x0e", "2x0e+3x1o+1x2e").double()
    theirs = o3.Linear("5x0e+2x1o+1x0o", "2x0e+3x1o+1x2e").double()
    flat = [weight.flatten() for weight in ours.weights if weight.numel()]
    x = torch.randn(4, ours.irreps_in.dim, dtype=DOUBLE)
    simplified = torch.cat([x[:, :3], x[:, 10:12], x[:, 3:10]], dim=-1)
    torch.testing.assert_close(ours(x), theirs(simplified, torch.cat(flat)), rtol=0, atol=1e-14)


def test_gate_equals_e3nn_gate() -> None:
    silu, sigmoid, tanh = torch.nn.functional.silu, torch.sigmoid, torch.tanh
    theirs = e3nn_nn.Gate("3x0e+1x0o", [silu, tanh], "3x0e", [sigmoid], "2x1o+1x2e")
    exact = [SILU_NORM, TANH_NORM, SIGMOID_NORM]
    found = [*theirs.act_scalars.acts, *theirs.act_gates.acts]
    for act, constant in zip(found, exact, strict=True):
        assert act.cst == pytest.approx(constant, rel=5e-3)
        act.cst = constant
    ours = Gate("3x0e+1x0o+2x1o+1x2e")
    parts = {"gates": 3, "0e": 3, "0o": 1, "rest": 11}
    x = dict(zip(parts, torch.randn(4, 18).split(list(parts.values()), dim=-1), strict=True))
    # e3nn sorts its input: 0o, then scalars and gates, both 0e.
    sorted_input = torch.cat([x["0o"], x["0e"], x["gates"], x["rest"]], dim=-1)
    if str(theirs.irreps_in) != "1x0o+6x0e+2x1o+1x2e":
        sorted_input = torch.cat([x["0e"], x["gates"], x["0o"], x["rest"]], dim=-1)
    torch.testing.assert_close(ours(torch.cat(list(x.values()), -1)), theirs(sorted_input))


def test_hidden_irreps_and_their_scalars() -> None:
    assert str(hidden_irreps(4, 3)) == "4x0e+4x1o+4x2e+4x3o"
    irreps = hidden_irreps("1x0e+2x1o+0x2e+2x0e", 2)
    assert str(irreps) == "1x0e+2x1o+2x0e"
    x = torch.arange(9.0).unsqueeze(0)
    assert Scalars(irreps)(x).tolist() == [[0.0, 7.0, 8.0]]


@pytest.mark.parametrize("cutoff", [None, 2.0])
def test_radial_basis_is_bounded_and_smooth_at_any_distance(cutoff: float | None) -> None:
    basis = RadialBasis(6, cutoff)
    d = torch.logspace(-20, 10, 200)[:, None] * torch.tensor([[0.6, 0.0, 0.8]])
    d = torch.cat([torch.zeros(1, 3), d]).requires_grad_()
    values = basis(d.square().sum(-1, keepdim=True))
    assert values.isfinite().all()
    assert values.abs().max() <= (1 if cutoff is None else math.sqrt(2 / 3) * math.pi * 6)
    (gradient,) = torch.autograd.grad(values.sum(), d)
    assert gradient.isfinite().all()


def test_envelope_falls_from_one_to_zero_at_the_cutoff() -> None:
    basis = RadialBasis(4, cutoff=2.0)
    r = torch.linspace(0, 3, 301, dtype=DOUBLE).requires_grad_()
    envelope = basis.envelope(r.square().unsqueeze(-1))
    assert envelope is not None
    (slope,) = torch.autograd.grad(envelope.sum(), r)
    assert envelope[0].item() == 1
    assert (envelope[200:] == 0).all()
    assert (slope <= 0).all()
    assert slope[199].abs() < 0.02
    assert slope[200:].abs().max() == 0

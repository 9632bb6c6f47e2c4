"""Every norm on irreps against loops over nodes and copies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from tests.norms.irreps import oracles

# Mixed order, parities, several blocks of a kind, a single copy, no scalars, scalars alone.
IRREPS = ["1o+4x0e+2x1o+0o", "2x0e+1x2e+3x0e+2x1o+1x1e", "5x0e", "2x1o+1x2e", "3x0o+1x0e"]
BATCHES = {
    "one graph": [0, 0, 0, 0, 0, 0],
    "uniform": [0, 0, 0, 1, 1, 1],
    "ragged": [1, 0, 1, 1, 1, 2],
}
EPS = 1e-3

pytestmark = pytest.mark.usefixtures("path")


def build(name: str, irreps: str, **options: object) -> nn.Module:
    torch.manual_seed(1)
    norm = eqnorm.create_norm(name, on=irreps, eps=EPS, **options).double()
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.3, 1.7)
    return norm


def features(irreps: str) -> Tensor:
    torch.manual_seed(2)
    return 2 * torch.randn(6, eqnorm.parse_type(irreps).dim, dtype=torch.float64) + 0.5


def bias_of(norm: nn.Module) -> Tensor:
    if norm.bias is None:
        return torch.zeros(norm.layout.num_scalars, dtype=torch.float64)
    return norm.bias.detach()


NODE: dict[str, Callable[..., Tensor]] = {
    "layernorm": oracles.layernorm(EPS),
    "rmsnorm": oracles.rmsnorm(EPS),
    "degree_balanced_rmsnorm": oracles.degree_balanced(EPS),
    "separable_layernorm": oracles.separable(EPS),
}


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("name", NODE)
def test_node_norms(name: str, irreps: str) -> None:
    norm, x = build(name, irreps), features(irreps)
    expected = NODE[name](x, irreps, norm.weight.detach(), bias_of(norm))
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("irreps", IRREPS)
def test_scalenorm(irreps: str) -> None:
    norm, x = build("scalenorm", irreps), features(irreps)
    length = (x.square().sum(1, keepdim=True) + norm.dim * EPS).sqrt()
    torch.testing.assert_close(norm(x), norm.gain * x / length)


@pytest.mark.parametrize("irreps", IRREPS)
def test_gvp_layernorm(irreps: str) -> None:
    norm, x = build("gvp_layernorm", irreps, vector_eps=0.1), features(irreps)
    weight = norm.affine(x)[0].detach()
    expected = oracles.gvp(EPS, 0.1)(x, irreps, weight, bias_of(norm))
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("normalization", ["component", "norm"])
def test_layernorm_normalization(irreps: str, normalization: str) -> None:
    norm, x = build("layernorm", irreps, normalization=normalization), features(irreps)
    expected = (NODE["layernorm"] if normalization == "component" else oracles.gvp(EPS, EPS))(
        x, irreps, norm.weight.detach(), bias_of(norm)
    )
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("name", ["batchnorm", "instancenorm", "graphnorm"])
def test_norms_over_nodes(name: str, irreps: str, kind: str) -> None:
    norm, x, batch = build(name, irreps), features(irreps), BATCHES[kind]
    expected = oracles.over_nodes(
        x,
        irreps,
        [0] * 6 if name == "batchnorm" else batch,
        norm.weight.detach(),
        bias_of(norm),
        EPS,
        norm.mean_scale.detach() if name == "graphnorm" else None,
    )
    torch.testing.assert_close(norm(x, torch.tensor(batch)), expected)


@pytest.mark.parametrize("name", ["batchnorm", "instancenorm", "graphnorm", "geonorm"])
def test_padding_enters_no_statistic(name: str) -> None:
    irreps = IRREPS[0]
    norm, x = build(name, irreps), features(irreps)
    mask = torch.tensor([[True, False, True], [True, True, False]])
    graph, keep = eqnorm.Graph.from_mask(mask), mask.flatten()
    batch = [0] * 6 if name == "batchnorm" else BATCHES["uniform"]
    weight, bias = norm.weight.detach(), bias_of(norm)
    if name == "geonorm":
        drift = norm.drift.detach()
        expected = oracles.geonorm(x, irreps, batch, weight, bias, drift, EPS, keep.tolist())
    else:
        shift = norm.mean_scale.detach() if name == "graphnorm" else None
        expected = oracles.over_nodes(
            x, irreps, batch, weight, bias, EPS, shift, mask=keep.tolist()
        )
    y = norm(x, graph)
    torch.testing.assert_close(y[keep], expected[keep])
    x[~keep] = 1e6
    torch.testing.assert_close(norm(x, graph)[keep], expected[keep])


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("activation", ["softplus", "relu", "identity"])
def test_norm_layernorm(irreps: str, activation: str) -> None:
    norm = build("norm_layernorm", irreps, activation=activation, length_eps=0.1)
    x = features(irreps)
    weight, bias = norm.weight.detach(), norm.bias.detach()
    expected = oracles.norm_layernorm(x, irreps, weight, bias, EPS, 0.1, activation)
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("activation", ["softplus", "identity"])
def test_vn_batchnorm(irreps: str, activation: str) -> None:
    norm = build("vn_batchnorm", irreps, activation=activation, length_eps=0.1)
    x, mask = features(irreps), torch.tensor([[True] * 5 + [False]])
    weight, bias = norm.weight.detach(), norm.bias.detach()
    expected = oracles.vn_batchnorm(x, irreps, weight, bias, EPS, 0.1, activation)
    torch.testing.assert_close(norm(x), expected)
    keep = mask.flatten()
    expected = oracles.vn_batchnorm(x, irreps, weight, bias, EPS, 0.1, activation, keep.tolist())
    torch.testing.assert_close(norm(x, eqnorm.Graph.from_mask(mask))[keep], expected[keep])


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize("kind", BATCHES)
def test_geonorm(irreps: str, kind: str) -> None:
    norm, x, batch = build("geonorm", irreps), features(irreps), BATCHES[kind]
    drift = torch.zeros(0) if norm.drift is None else norm.drift.detach()
    expected = oracles.geonorm(x, irreps, batch, norm.weight.detach(), bias_of(norm), drift, EPS)
    torch.testing.assert_close(norm(x, torch.tensor(batch)), expected)


WITH_LAYOUT = [spec.name for spec in eqnorm.norm_specs(on="3x1o+2x0e") if "layout" in spec.options]


@pytest.mark.parametrize("name", WITH_LAYOUT)
def test_ir_mul_is_mul_ir_with_its_columns_reordered(name: str) -> None:
    order = torch.tensor([0, 3, 6, 1, 4, 7, 2, 5, 8, 9, 10])
    first = build(name, "3x1o+2x0e")
    second = build(name, "3x1o+2x0e", layout="ir_mul")
    x = features("3x1o+2x0e")
    batch = torch.tensor(BATCHES["ragged"])
    torch.testing.assert_close(second(x[:, order], batch), first(x, batch)[:, order])

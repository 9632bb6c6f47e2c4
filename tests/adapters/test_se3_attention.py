"""Attention of the SE(3)-Transformer: weights, invariance, kernels, softmax and window."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._neighbor_softmax import log_window, neighbor_softmax
from tests.adapters.loops_case import LAYOUTS
from tests.adapters.scalarised_case import close, motion
from tests.adapters.se3_transformer_case import DOUBLE, build


def attention_of(
    model: nn.Module, graph: Graph, x: Tensor, f: Tensor, constant: bool = False
) -> tuple[Tensor, Tensor]:
    """α (E, heads) and m (N, D) of the first layer for features f."""
    layer = model.layers[0]
    if constant:
        with torch.no_grad():
            for weight in layer.attention.query.weights:
                weight.zero_()
    d = graph.relative(x)
    square = d.square().sum(-1, keepdim=True)
    u = d * (square + layer.radial.basis.floor_sq).rsqrt()
    reach = log_window(square, layer.radial.basis.cutoff)
    phi = layer.radial(square, None)
    keys, _ = layer.attention.keys_and_values(f, u, phi, graph)
    alpha = layer.attention.weights(f, keys, reach, graph)
    return alpha, layer.attention(f, u, phi, reach, graph)


@pytest.mark.parametrize("cutoff", [None, 1.5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_attention_sums_to_one_where_there_are_neighbours(
    layout: str, cutoff: float | None
) -> None:
    edges, graph = LAYOUTS[layout]()
    model = build(edge_dim=0, cutoff=cutoff)
    x, f = torch.randn(6, 3, dtype=DOUBLE), torch.randn(6, model.irreps.dim, dtype=DOUBLE)
    alpha, m = attention_of(model, graph, x, f)
    near = [cutoff is None or (x[i] - x[j]).norm() < cutoff for i, j in edges]
    some = torch.tensor([any(k for k, e in zip(near, edges, strict=True) if e[0] == i)
                         for i in range(6)])  # fmt: skip
    assert alpha.shape == (len(edges), 2)
    close(graph.aggregate(alpha), some.double()[:, None].expand(-1, 2))
    assert (m[~some] == 0).all()
    assert not some.all() or layout == "complete"
    assert ((alpha > 0).all(1) == torch.tensor(near)).all()
    assert alpha.std() > 0.05


@pytest.mark.parametrize("reflect", [False, True])
def test_attention_is_invariant(reflect: bool) -> None:
    graph, model, element = Graph.complete(2, 4), build(edge_dim=0), motion(reflect)
    x, f = torch.randn(8, 3, dtype=DOUBLE), torch.randn(8, model.irreps.dim, dtype=DOUBLE)
    alpha, m = attention_of(model, graph, x, f)
    turned, moved_m = attention_of(
        model, graph, element.act(x, "points"), element.act(f, str(model.irreps))
    )
    close(turned, alpha)
    close(moved_m, element.act(m, str(model.layers[0].attention.irreps_out)))
    other, _ = attention_of(model, graph, x, element.act(f, str(model.irreps)))
    assert (other - alpha).abs().max() > 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_constant_keys_give_the_mean_of_a_tensor_field_convolution(layout: str) -> None:
    _, graph = LAYOUTS[layout]()
    model = build(edge_dim=0)
    x, f = torch.randn(6, 3, dtype=DOUBLE), torch.randn(6, model.irreps.dim, dtype=DOUBLE)
    alpha, m = attention_of(model, graph, x, f, constant=True)
    close(alpha * graph.degrees[graph.receivers, None], torch.ones_like(alpha))
    layer, attention = model.layers[0], model.layers[0].attention
    d = graph.relative(x)
    square = d.square().sum(-1, keepdim=True)
    u, phi = d * (square + 1e-6).rsqrt(), layer.radial(square, None)
    total = attention.convolution(attention.send(f), u, phi, graph)
    mean = total / graph.degrees.clamp(min=1)[:, None]
    values, C = [], attention.channels
    start = 0
    for number, place in attention.convolution.order:
        dim = attention.convolution.blocks[number].paths[place].dim
        values.append(mean[:, start + C * dim : start + 2 * C * dim])
        start += 2 * C * dim
    close(m, torch.cat(values, -1))


def test_kernel_equals_e3nn_tensor_product() -> None:
    """Keys and values of all edges at once by e3nn's own module, from the same weights."""
    graph, model = Graph.complete(1, 4), build(edge_dim=0, hidden="2x0e+1x1o+1x2e")
    layer, attention = model.layers[0], model.layers[0].attention
    convolution = attention.convolution
    x, f = torch.randn(4, 3, dtype=DOUBLE), torch.randn(4, model.irreps.dim, dtype=DOUBLE)
    d = graph.relative(x)
    square = d.square().sum(-1, keepdim=True)
    u, phi = d * (square + 1e-6).rsqrt(), layer.radial(square, None)
    paths = [(b, convolution.blocks[b].paths[p], p) for b, p in convolution.order]
    out = o3.Irreps([(2 * attention.channels, (p.out_degree, (-1) ** p.out_degree))
                     for _, p, _ in paths])  # fmt: skip
    default = torch.get_default_dtype()
    torch.set_default_dtype(DOUBLE)
    try:
        product = o3.TensorProduct(
            convolution.irreps_in,
            o3.Irreps("0e+1o+2e"),
            out,
            [(b, p.filter_degree, k, "uvu", True) for k, (b, p, _) in enumerate(paths)],
            internal_weights=False,
            shared_weights=False,
        )
    finally:
        torch.set_default_dtype(default)
    weights = [phi @ convolution.weights[b][:, :, q] / phi.shape[1] ** 0.5 for b, _, q in paths]
    harmonics = o3.spherical_harmonics([0, 1, 2], u, False, "component")
    sent = attention.send(f).index_select(0, graph.senders)
    expected = product(sent, harmonics, torch.cat(weights, -1))
    keys, values = attention.keys_and_values(f, u, phi, graph)
    for k, (b, path, _) in enumerate(paths):
        own = slice(path.first, path.first + path.dim)
        found = torch.cat([keys[b][..., own], values[b][..., own]], 1).flatten(1)
        close(found, expected[:, out.slices()[k]])


def test_softmax_is_finite_whatever_the_logits() -> None:
    graph = Graph.from_edges(torch.tensor([[1, 2, 0], [0, 0, 1]]), num_nodes=4)
    logits = torch.tensor([[1e30, -1e30], [-1e30, -1e30], [5e4, 0.0]]).requires_grad_()
    alpha = neighbor_softmax(logits, graph)
    assert alpha.tolist() == [[1, 0.5], [0, 0.5], [1, 1]]
    alpha[:, 1].sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_softmax_of_a_dense_layout_is_that_of_its_edge_list() -> None:
    graph = Graph.complete(2, 5)
    edges = Graph.from_edges(graph.edge_index, graph.batch, 2)
    logits = torch.randn(40, 3, dtype=DOUBLE, requires_grad=True)
    square = 2 * torch.rand(40, 1, dtype=DOUBLE)
    results = []
    for each in (graph, edges):
        alpha = neighbor_softmax(logits, each, log_window(square, 1.0))
        results.append([alpha, *torch.autograd.grad(alpha.sin().sum(), logits)])
    for dense, sparse in zip(*results, strict=True):
        close(dense, sparse)
    plain = neighbor_softmax(logits, edges).view(10, 4, 3)
    close(plain, torch.softmax(logits.view(10, 4, 3), 1))
    assert torch.autograd.gradgradcheck(lambda e: neighbor_softmax(e, edges), logits)


def test_the_window_is_smooth_and_its_logarithm_exact() -> None:
    r = torch.tensor([0.0, 0.5, 1.0, 1.999999, 2.0, 3.0], dtype=DOUBLE)[:, None].requires_grad_()
    value = log_window(r.square(), 2.0)
    assert value is not None
    expected = [1.0, (15 / 16) ** 3, (3 / 4) ** 3, (1 - 0.9999995**2) ** 3, 0.0, 0.0]
    assert value.exp().flatten().tolist() == pytest.approx(expected, rel=1e-9)
    (slope,) = torch.autograd.grad(value.exp().sum(), r)
    assert slope.isfinite().all()
    assert (slope[4:] == 0).all()

"""SE(3)-Transformer: faithful to its formulas; attention; cutoff, slots, errors."""

from __future__ import annotations

import math
import re

import pytest
import torch
from e3nn import o3
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._irreps import IrrepsLinear
from eqnorm_adapters._neighbor_softmax import log_window, neighbor_softmax
from eqnorm_adapters._norm_nonlinearity import NormNonlinearity
from eqnorm_adapters._self_interaction import AttentiveSelfInteraction
from tests.adapters.scalarised_case import LAYOUTS, Probe, close, inputs, motion, probe

DOUBLE = torch.float64
ODD = "3x0e+2x1o+2x1e+1x2e+1x0o"
NAMED = {
    "norm": "system",
    "update_norm": "rms_film",
    "edge_norm": "enf",
    "feature_norm": "layernorm",
    "message_norm": "rmsnorm",
}


def build(dtype: torch.dtype = DOUBLE, **options: object) -> nn.Module:
    common = {"hidden": ODD, "layers": 2, "node_dim": 2, "edge_dim": 2, "heads": 2}
    model = eqnorm.create_model("se3_transformer", **{**common, "head_channels": 2, **options})
    with torch.no_grad():  # of order one, so that no small start hides an error
        for parameter in model.to(dtype).parameters():
            parameter.normal_()
        for layer in model.layers:
            for weight in layer.read_out.weights:
                weight.mul_(0.1)
    return model


# --- a loop over nodes, heads, channels and paths ----------------------------------------------


def mixed(layer: IrrepsLinear, x: Tensor) -> Tensor:
    """One row through a linear map of irreps."""
    weights = iter(layer.weights)
    out = []
    for mul, irrep in layer.irreps_out:
        pieces = [
            x[cut].view(-1, irrep.dim)
            for (_, kind), cut in zip(layer.irreps_in, layer.irreps_in.slices(), strict=True)
            if kind == irrep
        ]
        if not pieces:
            out.append(x.new_zeros(mul * irrep.dim))
            continue
        rows, weight = torch.cat(pieces), next(weights)
        for column in weight.T:
            total = sum(w * row for w, row in zip(column, rows, strict=True))
            out.append(total / len(rows) ** 0.5)
    return torch.cat(out)


def kernel(layer: nn.Module, f: Tensor, u: Tensor, phi: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of one edge: for each path in their order, each (channels, 2 l3 + 1)."""
    attention, convolution = layer.attention, layer.attention.convolution
    sent, C = mixed(attention.send, f), attention.channels
    found = []
    for number, place in convolution.order:
        (_, irrep), path = convolution.irreps_in[number], convolution.blocks[number].paths[place]
        g = sent[convolution.irreps_in.slices()[number]].view(2 * C, irrep.dim)
        symbols = o3.wigner_3j(irrep.l, path.filter_degree, path.out_degree, dtype=DOUBLE)
        harmonics = o3.spherical_harmonics(path.filter_degree, u, False, "component")
        rows = []
        for c in range(2 * C):
            w = sum(phi[n] * convolution.weights[number][n, c, place] for n in range(len(phi)))
            row = torch.einsum("abk,a,b->k", symbols, g[c], harmonics)
            rows.append(math.sqrt(path.dim) * w / len(phi) ** 0.5 * row)
        found.append((torch.stack(rows[:C]), torch.stack(rows[C:])))
    return found


def attended(
    layer: nn.Module, i: int, f: Tensor, edges: list[tuple[int, Tensor, Tensor, float]]
) -> tuple[Tensor, float]:
    """m of one node from its edges (j, u, phi, w), and the sum of the w."""
    attention, per = layer.attention, layer.attention.channels // layer.attention.heads
    query, size = mixed(attention.query, f[i]), attention.irreps_out.dim
    if not edges:
        return torch.zeros(size, dtype=DOUBLE), 0.0
    pairs = [kernel(layer, f[j], u, phi) for j, u, phi, _ in edges]
    heads = []
    for head in range(attention.heads):
        mine = slice(head * per, (head + 1) * per)
        scores = []
        for pair, (*_, w) in zip(pairs, edges, strict=True):
            start, product = 0, torch.zeros((), dtype=DOUBLE)
            for key, _ in pair:
                q = query[start : start + key.numel()].view_as(key)
                start += key.numel()
                product = product + (q[mine] * key[mine]).sum()
            scores.append(w * torch.exp(product / (size / attention.heads) ** 0.5))
        total = sum(scores)
        paths = [
            sum(s / total * pair[p][1][mine] for s, pair in zip(scores, pairs, strict=True))
            for p in range(len(pairs[0]))
        ]
        heads.append(paths)
    by_path = [torch.cat(parts).flatten() for parts in zip(*heads, strict=True)]
    return torch.cat(by_path), sum(w for *_, w in edges)


def nonlinear(layer: nn.Module, irreps: o3.Irreps, f: Tensor, act: object) -> Tensor:
    if isinstance(layer.nonlinearity, nn.Identity):
        return f
    biases, out = iter(layer.nonlinearity.bias), []
    for (mul, irrep), cut in zip(irreps, irreps.slices(), strict=True):
        for row in f[cut].view(mul, irrep.dim):
            length = ((row**2).sum() + 1e-4).sqrt()
            out.append(row / length * act(length + next(biases)))
    return torch.cat(out)


def attentive(layer: nn.Module, irreps: o3.Irreps, f: Tensor) -> Tensor:
    out = []
    for network, (mul, irrep), cut in zip(
        layer.attentive.networks, irreps, irreps.slices(), strict=True
    ):
        rows = f[cut].view(mul, irrep.dim)
        products = torch.stack([(a * b).sum() / irrep.dim for a in rows for b in rows])
        spread = ((products - products.mean()) ** 2).mean()
        z = (products - products.mean()) / (spread + 1e-5).sqrt()
        z = z * network[0].weight + network[0].bias
        z = (network[2].weight @ torch.where(z > 0, z, 0.01 * z) + network[2].bias).view(mul, mul)
        for c in range(mul):
            weights = z[c].exp() / z[c].exp().sum()
            out.append(sum(w * row for w, row in zip(weights, rows, strict=True)))
    return torch.cat(out)


def many(how: str, count: float) -> float:
    return {"mean": 1.0, "sum": count, "sqrt": count**0.5}[how]


def by_hand(
    model: nn.Module, edges: list[tuple[int, int]], given: dict[str, Tensor], options: dict
) -> tuple[Tensor, Tensor]:
    """The formulas of the class, node by node, with a probe in every slot."""
    irreps, cutoff = model.irreps, options.get("cutoff")
    act = {"relu": torch.relu, "tanh": torch.tanh}[options.get("activation", "relu")]
    x0, x, v = given["x"], given["x"], given["v"]
    scalars = torch.cat([torch.arange(cut.start, cut.stop) for cut in irreps.slices()[:1]])
    first = torch.cat([given["h"], v], -1)
    f = torch.stack([mixed(model.embedding, row) for row in first])
    for layer in model.layers:
        seen = probe(0.7, f, x0, v, f[:, scalars])
        received = [[] for _ in x]
        for number, (i, j) in enumerate(edges):
            d = x[i] - x[j]
            r_sq = (d**2).sum()
            n = probe(0.9, d, None, None, None)
            basis = layer.radial.basis(r_sq.view(1, 1))[0]
            hidden = layer.radial.linear(torch.cat([basis, given["edge_attr"][number]]))
            phi, w = 1.676532470331092 * hidden * torch.sigmoid(hidden), 1.0
            if cutoff is not None:
                t = (r_sq.sqrt() / cutoff).item()
                phi = phi * (1 - 28 * t**6 + 48 * t**7 - 21 * t**8 if t < 1 else 0.0)
                w = (1 - t**2) ** 3 if t < 1 else 0.0
            if w > 0:
                received[i].append((j, n / (1 + (n**2).sum()).sqrt(), phi, w))
        averages, counts = zip(
            *(attended(layer, i, seen, received[i]) for i in range(len(x))), strict=True
        )
        m = torch.stack(averages)
        of_f, of_x = (
            torch.tensor([[many(options[how], c)] for c in counts], dtype=DOUBLE)
            for how in ("message_aggregation", "coord_aggregation")
        )
        messages = probe(0.8, of_f * m, x0, v, f[:, scalars])
        new = []
        for i in range(len(x)):
            how = options.get("self_interaction", "linear")
            if how == "linear":
                row = mixed(layer.project, torch.cat([messages[i], seen[i]]))
            else:
                own = f[i] if how == "skip" else attentive(layer, irreps, seen[i])
                row = mixed(layer.project, messages[i]) + own
            new.append(nonlinear(layer, irreps, row, act))
        f = torch.stack(new)
        both = torch.cat([of_x * m, f], -1)
        update = torch.stack([mixed(layer.read_out, row) for row in both])
        x = x + probe(0.6, update, x0, v, f[:, scalars])
        x = probe(1.1, x, x0, v, f[:, scalars])
    return x, f


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "options",
    [
        {"message_aggregation": "mean", "coord_aggregation": "sum"},
        {"message_aggregation": "sum", "coord_aggregation": "sqrt", "cutoff": 2.0, "heads": 1},
        {
            "message_aggregation": "sqrt",
            "coord_aggregation": "mean",
            "self_interaction": "attentive",
            "hidden": "2x0e+2x1o",
            "lmax": 1,
            "activation": "tanh",
        },
        {
            "message_aggregation": "mean",
            "coord_aggregation": "mean",
            "self_interaction": "skip",
            "hidden": "2x0e+1x1o+1x2e+1x3o",
            "lmax": 3,
        },
    ],
)
def test_equals_a_loop_over_nodes(layout: str, options: dict[str, object]) -> None:
    slots = {"norm": 1.1, "update_norm": 0.6, "feature_norm": 0.7, "message_norm": 0.8}
    probes = {slot: Probe(factor) for slot, factor in {**slots, "edge_norm": 0.9}.items()}
    model = build(norm_last=True, **probes, **options)
    edges, graph = LAYOUTS[layout]()
    given = inputs(graph)
    given["x"] = given["x"] - 3  # within reach of one another, or not, for the cutoff
    out = model(graph=graph, **given)
    x, f = by_hand(model, edges, given, options)
    close(out.x, x, 1e-11)
    close(out.h, f, 1e-11)
    assert (out.x - given["x"]).abs().max() > 0.05


# --- attention ---------------------------------------------------------------------------------


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


# --- other parts -------------------------------------------------------------------------------


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


# --- the whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cutoff": 2.5, **NAMED},
        {"hidden": 3, "lmax": 3, "self_interaction": "attentive"},
        {"self_interaction": "skip", "message_aggregation": "sum", "coord_aggregation": "sqrt"},
    ],
)
def test_equivariant_in_float64(options: dict[str, object], reflect: bool) -> None:
    model, graph = build(**options), Graph.complete(num_nodes=[4, 6, 1])
    given, element = inputs(graph), motion(reflect)
    moved = {**given, "x": element.act(given["x"], "points"), "v": element.act(given["v"], "1o")}
    out, turned = model(graph=graph, **given), model(graph=graph, **moved)
    close(turned.x, element.act(out.x, "points"), 1e-11)
    close(turned.h, element.act(out.h, model.irreps), 1e-11)
    assert (out.x - given["x"]).abs().max() > 1e-3


def test_nothing_jumps_at_the_cutoff() -> None:
    """A third node passes the cutoff: values go on, whichever way the neighbours are collected."""
    graph = Graph.complete(1, 3)
    for how in ("sum", "mean", "sqrt"):
        # One layer: a second one would see moved nodes.
        options = {"message_aggregation": how, "coord_aggregation": how}
        model, results = build(layers=1, cutoff=1.5, edge_dim=0, **options), []
        for far in (1.4999, 1.5001, 40.0):
            x = torch.tensor([[0.0, 0, 0], [-0.4, 0, 0], [far, 0, 0]], dtype=DOUBLE)
            out = model(x, graph, torch.ones(3, 2, dtype=DOUBLE))
            results.append(torch.cat([out.x[0], out.h[0]]))
        close(results[0], results[1], 1e-7)
        close(results[1], results[2], 1e-13)


def test_a_lonely_neighbour_fades_out() -> None:
    """Its weight is one until it is gone; its message is not."""
    model, graph = build(cutoff=1.0, edge_dim=0), Graph.complete(1, 2)
    rest = model(torch.zeros(1, 3, dtype=DOUBLE), Graph.complete(1, 1)).h[0]
    for gap, limit in ((1e-2, 1e-2), (1e-4, 1e-8), (0.0, 1e-13)):
        x = torch.tensor([[0.0, 0, 0], [1 - gap, 0, 0]], dtype=DOUBLE).requires_grad_()
        out = model(x, graph).h
        assert (out[0] - rest).abs().max() < limit
        (gradient,) = torch.autograd.grad(out.sum(), x)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_degenerate_input_is_finite(dtype: torch.dtype) -> None:
    graph = Graph.complete(1, 5)
    cases = {
        "zeros": lambda x: x * 0,
        "coincident": lambda x: x[:1].expand_as(x).clone(),
        "two coincident": lambda x: torch.cat([x[:1], x[:1], x[2:]]),
        "nearly coincident": lambda x: x * 1e-20,
        "huge": lambda x: x * 1e3,
    }
    for options in ({}, {"cutoff": 2.0, "message_aggregation": "sqrt"},
                    {"self_interaction": "attentive"}):  # fmt: skip
        for case, degenerate in cases.items():
            model, given = build(dtype, **options), inputs(graph, dtype)
            given["x"] = degenerate(given["x"]).requires_grad_()
            if case == "zeros":
                given |= {"h": given["h"] * 0, "v": given["v"] * 0}
            out = model(graph=graph, **given)
            (out.x.square().sum() + out.h.square().sum()).backward()
            leaves = [given["x"].grad, *(p.grad for p in model.parameters())]
            for tensor in (out.x, out.h, *leaves):
                assert tensor is not None, (options, case)
                assert tensor.isfinite().all(), (options, case)


def test_a_fresh_model_hardly_moves_anything() -> None:
    for how in ("linear", "attentive", "skip"):
        model = eqnorm.create_model("se3_transformer", layers=10, self_interaction=how)
        x = torch.randn(40, 3)
        out = model(x, Graph.complete(2, 20), v=torch.randn(40, 3))
        assert (out.x - x).abs().max() < 0.1
        assert out.h.abs().max() < 1e3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": "8x0e+4x2e"}, "hidden='8x0e+4x2e' has no 1o"),
        ({"heads": 0}, "heads must be an integer of at least 1, got 0"),
        ({"head_channels": 0}, "head_channels must be an integer of at least 1, got 0"),
        ({"layers": 0}, "layers must be an integer of at least 1, got 0"),
        ({"cutoff": -1.0}, "cutoff must be positive, or None"),
        ({"self_interaction": "1x1"}, "must be 'linear', 'attentive' or 'skip', got '1x1'"),
        ({"coord_aggregation": "max"}, "coord_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"edge_norm": "geoframe"}, "edge_norm: norm 'geoframe' serves"),
    ],
)
def test_bad_options_say_what_is_wrong(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        eqnorm.create_model("se3_transformer", **options)

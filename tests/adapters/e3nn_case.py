"""Published layers built from e3nn's own modules, with the weights of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from torch import Tensor, nn

from eqnorm_adapters._gate import SIGMOID_NORM, SILU_NORM
from eqnorm_adapters._irreps import IrrepsLinear

silu, sigmoid = torch.nn.functional.silu, torch.sigmoid


@contextmanager
def double() -> Iterator[None]:
    """e3nn computes its constants in torch's default dtype."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(default)


def copy_weights(ours: IrrepsLinear, views: Iterable[tuple[object, object, Tensor]]) -> None:
    """Into e3nn's weights, one view for each pair of input and output irreps."""
    remaining, used = {}, 0
    for index, (source, _, _) in enumerate(ours._blocks):
        if source:
            remaining[index] = ours.weights[used]
            used += 1
    for _, instruction, view in views:
        rows = view.shape[:-1].numel()
        weight = remaining[instruction.i_out]
        view.copy_(weight[:rows].reshape(view.shape))
        remaining[instruction.i_out] = weight[rows:]
    assert all(weight.numel() == 0 for weight in remaining.values())


@torch.no_grad()
def linear(ours: IrrepsLinear) -> nn.Module:
    with double():
        theirs = o3.Linear(ours.irreps_in, ours.irreps_out, path_normalization="element")
    copy_weights(ours, theirs.weight_views(yield_instruction=True))
    return theirs


@torch.no_grad()
def self_connection(ours: nn.Module, irreps_in: o3.Irreps, attributes: int) -> nn.Module:
    with double():
        theirs = o3.FullyConnectedTensorProduct(
            irreps_in, f"{attributes}x0e", ours.linear.irreps_out
        )
    copy_weights(ours.linear, theirs.weight_views(yield_instruction=True))
    return theirs


class Product(nn.Module):
    """e3nn's fully connected tensor product, times the root of the fan-in, with biases for 0e."""

    @torch.no_grad()
    def __init__(self, ours: nn.Module, lmax: int) -> None:
        super().__init__()
        with double():
            self.product = o3.FullyConnectedTensorProduct(
                ours.irreps_in, o3.Irreps.spherical_harmonics(lmax), ours.irreps_out
            )
        views = list(self.product.weight_views(yield_instruction=True))
        reached = sorted({instruction.i_out for _, instruction, _ in views})
        whole = dict(zip(reached, ours.weights, strict=True))
        used = dict.fromkeys(reached, 0)
        for _, instruction, view in views:
            weight, first = whole[instruction.i_out], used[instruction.i_out]
            rows = weight[first : first + view.shape[0]]
            view.copy_(rows.unsqueeze(1) * weight.shape[0] ** 0.5)
            used[instruction.i_out] += view.shape[0]
        assert all(used[k] == weight.shape[0] for k, weight in whole.items())
        bias = torch.zeros(ours.irreps_out.dim, dtype=torch.float64)
        biases = iter(ours.biases)
        for (_, irrep), cut in zip(ours.irreps_out, ours.irreps_out.slices(), strict=True):
            if irrep == o3.Irrep("0e"):
                bias[cut] = next(biases)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor, attributes: Tensor) -> Tensor:
        return self.product(x, attributes) + self.bias


def gate(irreps: o3.Irreps, opener: str) -> tuple[nn.Module, list[int]]:
    """e3nn's gate, with exact constants, and the columns of our input in its order."""
    act, exact = {"silu": (silu, SILU_NORM), "sigmoid": (sigmoid, SIGMOID_NORM)}[opener]
    scalars = irreps[0]
    assert scalars.ir == o3.Irrep("0e")
    rest = irreps[1:]
    num_gates = rest.num_irreps
    with double():
        theirs = e3nn_nn.Gate(o3.Irreps([scalars]), [silu], f"{num_gates}x0e", [act], rest)
    theirs.act_scalars.acts[0].cst = SILU_NORM
    theirs.act_gates.acts[0].cst = exact
    assert theirs.irreps_in == o3.Irreps([(scalars.mul + num_gates, "0e"), *rest])
    width = num_gates + irreps.dim
    order = [*range(num_gates, num_gates + scalars.mul), *range(num_gates)]
    return theirs, [*order, *range(num_gates + scalars.mul, width)]


class Convolution(nn.Module):
    """e3nn's tensor product with weights from its own fully connected network."""

    @torch.no_grad()
    def __init__(self, ours: nn.Module, radial: nn.Module) -> None:
        super().__init__()
        filters = o3.Irreps.spherical_harmonics(len(ours.harmonics._ls_list) - 1)
        paths = [(b, ours.blocks[b].paths[place]) for b, place in ours.order]
        out = []
        for b, p in paths:
            mul, irrep = ours.irreps_in[b]
            out.append((mul, (p.out_degree, irrep.p * (-1) ** p.filter_degree)))
        uvu = [(b, p.filter_degree, k, "uvu", True) for k, (b, p) in enumerate(paths)]
        given = {"internal_weights": False, "shared_weights": False}
        widths = [radial.weights[0].shape[0], *(w.shape[1] for w in radial.weights)]
        with double():
            self.product = o3.TensorProduct(ours.irreps_in, filters, out, uvu, **given)
            self.fc = e3nn_nn.FullyConnectedNet([*widths, self.product.weight_numel], silu)
        *hidden, last = self.fc
        for theirs, weight in zip(hidden, radial.weights, strict=True):
            theirs.act.cst = SILU_NORM
            theirs.weight.copy_(weight)
        last.weight.copy_(torch.cat([ours.weights[b][..., place] for b, place in ours.order], -1))
        self.degrees = list(range(filters.lmax + 1))

    def forward(self, sent: Tensor, u: Tensor, radial: Tensor) -> Tensor:
        """Messages of edges, from their senders' features, directions and radial inputs."""
        harmonics = o3.spherical_harmonics(self.degrees, u, False, "component")
        return self.product(sent, harmonics, self.fc(radial))

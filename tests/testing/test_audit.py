"""The layer audit names the first layer that breaks the symmetry."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm.testing import audit

INPUTS = {"pos": "points", "h": "8x0e", "edge_index": "edge_index"}


class Layer(nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.message = nn.Sequential(nn.Linear(17, 8), nn.SiLU())
        self.gate = nn.Linear(8, 1)
        self.fault = fault

    def forward(self, x: Tensor, h: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        j, i = edge_index
        d = x[i] - x[j]
        r = torch.log1p(d.square().sum(-1, keepdim=True))
        m = self.message(torch.cat([h[i], h[j], r], -1))
        if self.fault == "features":
            m = m + 1e-3 * d[:, :1]
        push = d * self.gate(m)
        if self.fault == "points":
            push = torch.tanh(push)
        x = x + torch.zeros_like(x).index_add(0, i, push) / 50
        return x, h + torch.zeros_like(h).index_add(0, i, m) / 10


class Net(nn.Module):
    def __init__(self, bad: int, fault: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(fault if k == bad else "") for k in range(10))

    def forward(self, pos: Tensor, h: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            pos, h = layer(pos, h, edge_index)
        return pos, h


@pytest.mark.parametrize("fault", ["points", "features"])
@pytest.mark.parametrize("bad", [0, 4, 9])
def test_points_at_the_bad_layer(bad: int, fault: str) -> None:
    report = audit(Net(bad, fault), inputs=INPUTS, group="E3")
    assert report.first is not None
    # Broken messages are first seen where they leave the layer's own read-out.
    assert report.first.name == f"layers.{bad}" + (".gate" if fault == "features" else "")
    assert f"layers.{bad}" in next(row for row in str(report).splitlines() if "first" in row)
    assert report.to_dict()["first"] == report.first.name


def test_a_sound_network() -> None:
    report = audit(Net(-1, ""), inputs=INPUTS, group="E3")
    assert report.ok, str(report)
    assert len(report.layers) > 30
    assert all(layer.scale > 0 for layer in report.layers)


def test_hidden_irreps_are_read_off() -> None:
    class Irreps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Identity()
            self.product = o3.FullTensorProduct("4x0e+2x1o", "1x1o+1x2e")

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.product(self.first(a), b)

    inputs = {"a": "4x0e+2x1o", "b": "1x1o+1x2e"}
    assert audit(Irreps(), inputs=inputs, group="O3").ok
    # Not told the right parity: then a mirror shows it.
    wrong = audit(Irreps(), inputs={**inputs, "a": "4x0o+2x1o"}, group="O3")
    assert not wrong.ok


def test_translation_and_permutation() -> None:
    class Places(nn.Module):
        def __init__(self, by_index: bool) -> None:
            super().__init__()
            self.read = nn.Linear(3, 4)
            self.by_index = by_index

        def forward(self, pos: Tensor) -> Tensor:
            if self.by_index:
                return self.read(
                    torch.arange(len(pos))[:, None].to(pos) * (pos.norm() * 0 + 1).expand(1, 3)
                )
            return self.read(pos)

    for by_index, group in ((False, "translation"), (True, "none")):
        report = audit(Places(by_index), inputs={"pos": "points"}, group=group)
        assert report.first is not None
        assert report.first.name == "read"

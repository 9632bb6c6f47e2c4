"""The layer audit names the first layer that breaks the symmetry."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm.testing import audit
from eqnorm.testing.broken import COLLECTION
from eqnorm.testing.registered import build_subject

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


def test_points_at_the_layer_that_mixes_invariants_of_graphs() -> None:
    specimen = COLLECTION["FeaturesOfTheWholeBatch"]
    model = specimen.make()
    assert isinstance(model, nn.Module)
    options = {"inputs": specimen.inputs, "group": "E3"}
    report = audit(model, **options)
    assert report.first is not None
    assert report.first.name == "layers.1.linear"
    assert report.first.mixed
    assert report.first.error < report.first.limit  # no motion shows it
    assert "graphs mixed" in next(row for row in str(report).splitlines() if "first" in row)
    assert report.to_dict()["layers"][2]["mixed"]
    # Not asked for, or with a single graph, nothing of it is seen.
    assert audit(model, independence=False, **options).ok
    one = {"h": torch.randn(5, 4), "pos": torch.randn(5, 3), "batch": torch.zeros(5).long()}
    assert audit(model, sample=one, **options).ok
    for layer in model.layers:
        layer.whole_batch = False
    sound = audit(model, **options)
    assert sound.ok, str(sound)


@pytest.mark.parametrize("level", ["edge", "graph"])
def test_rows_of_edges_and_graphs_are_those_of_a_graph_too(level: str) -> None:
    class Read(nn.Module):
        def __init__(self, across: float) -> None:
            super().__init__()
            self.out, self.across = nn.Identity(), across

        def forward(self, pos: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
            j, i = edge_index
            r = (pos[i] - pos[j]).norm(dim=-1, keepdim=True)
            if level == "graph":
                r = r.new_zeros(int(batch.max()) + 1, 1).index_add(0, batch[i], r)
            return self.out(r + self.across * r.sum())

    inputs = {"pos": "points", "edge_index": "edge_index", "batch": "batch"}
    assert audit(Read(0.0), inputs=inputs).ok
    found = audit(Read(1e-3), inputs=inputs).first
    assert found is not None
    assert found.mixed
    assert found.name == "out"


def test_a_model_that_takes_no_graph_alone_is_audited_all_the_same() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read = nn.Linear(4, 4)

        def forward(self, h: Tensor, batch: Tensor) -> Tensor:
            if int(batch.max()) != 1:
                raise RuntimeError("two graphs are needed")
            return self.read(h)

    report = audit(Two(), inputs={"h": "4x0e", "batch": "batch"})
    assert report.ok
    assert "not looked at alone: the model raises RuntimeError: two graphs" in str(report)


@pytest.mark.parametrize("name", ["egnn_vel", "painn", "nequip"])
def test_backbones_mix_nothing(name: str) -> None:
    model, declaration = build_subject("model", name, "", training=False)
    report = audit(model, inputs=declaration["inputs"], group=declaration["group"])
    assert report.ok, str(report)
    assert not report.note


@pytest.mark.parametrize("filling", [float("nan"), float("-inf")])
def test_what_is_not_finite_is_not_called_mixed(filling: float) -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Identity()

        def forward(self, pos: Tensor) -> Tensor:
            few = torch.tensor([1.0, 2.0, filling], dtype=pos.dtype).expand(pos.shape[0], 3)
            return pos * self.logits(few).nan_to_num(0.0, neginf=0.0).sum(-1, keepdim=True)

    report = audit(Masked(), inputs={"pos": "points"}, group="O3")
    assert not any(layer.mixed for layer in report.layers)
    # Minus infinity is what a mask keeps out of a softmax; NaN is of no use to anyone.
    assert report.ok == (filling == float("-inf")), str(report)

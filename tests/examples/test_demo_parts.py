"""Parts of the demo by themselves: the layer that blows up, rotations, how numbers are written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqnorm_adapters import ScaleMonitor
from examples.demo import evaluate, style, train


@pytest.mark.parametrize("part", ["output", "gradient"])
def test_the_layer_that_blows_up_is_found(part: str) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.offset = nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.offset.sqrt()  # finite at zero, its derivative is not

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), Layer(), nn.Tanh()])

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net()
    if part == "output":
        with torch.no_grad():
            net.layers[2].offset.fill_(torch.nan)
    with ScaleMonitor(net, "layers.*") as monitor:
        loss = net(torch.ones(1, 2)).sum()
    loss.backward()
    assert train._broken(loss.detach(), monitor) == f"{part} of layer 3"
    for parameter in net.parameters():
        parameter.grad = None
    assert train._broken(torch.zeros(()), monitor) == ""


def test_random_rotations_are_rotations() -> None:
    turned = evaluate.random_rotations(100, torch.Generator().manual_seed(0))
    eye = torch.eye(3, dtype=torch.float64).expand(100, 3, 3)
    torch.testing.assert_close(turned @ turned.mT, eye)
    torch.testing.assert_close(torch.linalg.det(turned), eye[:, 0, 0])
    assert turned.mean(0).abs().max() < 0.3


def test_numbers_are_written_for_readers() -> None:
    values = [0.08304, 12.04, 3.04e-13, 0.0, None, float("nan"), 123456.0, -0.337]
    shown = ["0.083", "12.0", "3·10⁻¹³", "0", "—", "—", "10⁵", "-0.337"]
    assert [style.number(value) for value in values] == shown

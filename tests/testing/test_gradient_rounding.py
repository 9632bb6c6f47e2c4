"""Gradients that are the small remainder of large terms: rounding is told from a fault."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from eqnorm.testing import Case, Motion, replay
from eqnorm.testing.broken import sound
from eqnorm.testing.build import build
from eqnorm.testing.declare import match_signature, parse_inputs, parse_output
from eqnorm.testing.gradients import gradient_fields, natural_sizes
from eqnorm.testing.registered import build_subject
from eqnorm.testing.subject import Subject

ATTENTION = next(specimen for specimen in sound() if specimen.name == "attention")
VELOCITIES: dict[str, Any] = {
    "inputs": {"pos": "points", "v": "1o"},
    "output": "points",
    "group": "E3",
}
STILL = Motion(rotation="none", shift=1.0, seed=1)
# Attention puts all weight on one node; by h, gradients of 1e-14 are left of terms of 1e3.
SATURATED = [
    (
        Case(
            sizes=(8, 24, 1, 8),
            layout="mirrored",
            scale=10.0,
            offset=1000.0,
            scalars=0.1,
            edges="sparse",
            seed=46116,
        ),
        Motion(rotation="z90", reflect=True, shift=1.0, permute=True, seed=5762),
    ),
    (Case(sizes=(23,), scale=10.0, scalars=10.0, edges="sparse", seed=1936), STILL),
    # The error is a single number's, which has the same sign at all inputs near by.
    (
        Case(scale=0.1, outlier=10.0, scalars=10.0, seed=65535),
        Motion(rotation="none", shift=1.0),
    ),
]


class _Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()


class _Crooked(_Same):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * grad.new_tensor([1.0, 1.0, 0.9])


class _LowBackward(_Same):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.float().to(grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("case", "motion"), SATURATED)
def test_behind_a_saturated_softmax(case: Case, motion: Motion, dtype: torch.dtype) -> None:
    found = replay(
        ATTENTION.make(),
        inputs=ATTENTION.inputs,
        output=ATTENTION.output,
        name="gradient",
        case=case,
        motion=motion,
        group="E3",
        dtype=dtype,
    )
    assert found is None, found and found.message


@pytest.mark.parametrize("name", ["clipnorm", "softcap"])
def test_by_a_scale_that_hardly_matters(name: str) -> None:
    """Displacements 1e-5 of the cap: by x0, 1e-10 of what they would be if it acted."""
    module, declaration = build_subject("norm", name, "1o", False)
    found = replay(
        module,
        inputs=declaration["inputs"],
        output="1o",
        name="precision",
        case=Case(sizes=(2, 1), scale=1000.0, vectors=0.001, seed=27),
        motion=Motion(rotation="none", permute=True),
        group="E3",
        dtype=torch.float64,
    )
    assert found is None, found and found.message


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("share", [1.0, 1e-3, 1e-6, 1e-9])
def test_small_gradients_that_are_wrong_are_found(share: float, dtype: torch.dtype) -> None:
    def model(pos: Tensor, v: Tensor) -> Tensor:
        return pos + share * _Crooked.apply(v)

    motion = Motion(rotation="generic", shift=1.0, seed=1)
    found = replay(
        model, name="gradient", case=Case((5,)), motion=motion, dtype=dtype, **VELOCITIES
    )
    assert found is not None
    assert "gradient by v" in found.message


def test_low_precision_in_the_backward_alone_is_found() -> None:
    def model(pos: Tensor, v: Tensor) -> Tensor:
        d = _LowBackward.apply(pos - pos.mean(0))
        return pos + d * torch.tanh(d.square().sum(-1, keepdim=True)) + v

    motion = Motion(rotation="generic", shift=1.0, seed=1)
    found = replay(
        model,
        name="precision",
        case=Case((5,)),
        motion=motion,
        dtype=torch.float64,
        **VELOCITIES,
    )
    assert found is not None
    assert "gradient by pos" in found.message


def test_natural_sizes_do_not_follow_the_gradient() -> None:
    """They are |c| |f| / |x| whether f is proportional to x or hardly depends on it."""
    inputs = {"h": "2x0e", "w": "1o"}
    slots, output = parse_inputs(inputs), parse_output("1o")
    arguments = build(Case((4,)), slots, torch.float64, "cpu")

    def sizes(share: float) -> tuple[list[float], list[float]]:
        def model(h: Tensor, w: Tensor) -> Tensor:
            return 3 * w * (1 + share * (h.sum(-1, keepdim=True) - 1))

        subject = Subject(model, slots, output, torch.float64, "cpu", match_signature(model, slots))
        by_h, by_w = natural_sizes(subject, arguments, torch.float64)
        (gradient, _) = gradient_fields(subject, arguments, torch.float64, None)
        assert len(by_h) == len(by_w) == 1
        return [by_h[0], by_w[0]], [float(gradient.value.abs().max())]

    natural, gradient = sizes(1e-12)
    c = torch.randn(4, 3, generator=torch.Generator().manual_seed(71), dtype=torch.float64)
    whole = 3 * float(arguments["w"].norm(dim=-1).max()) * float(c.norm(dim=-1).sum())
    for got, name in zip(natural, ("h", "w"), strict=True):
        length = arguments[name].reshape(-1, 1 if name == "h" else 3).norm(dim=-1).max()
        assert got == pytest.approx(whole / float(length), rel=1e-9)
    assert gradient[0] < 1e-10 * natural[0]

"""Vectors as plain lists, for oracles that share no line with the library."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph

Vector = list[float]


def add(*vectors: Vector) -> Vector:
    return [sum(parts) for parts in zip(*vectors, strict=True)]


def sub(a: Vector, b: Vector) -> Vector:
    return [p - q for p, q in zip(a, b, strict=True)]


def times(factor: float, a: Vector) -> Vector:
    return [factor * p for p in a]


def square(a: Vector) -> float:
    return sum(p * p for p in a)


def length(a: Vector) -> float:
    return math.sqrt(square(a))


def mean(vectors: list[Vector]) -> Vector:
    return times(1 / len(vectors), add(*vectors))


def mean_square(vectors: list[Vector]) -> float:
    return sum(square(a) for a in vectors) / len(vectors)


def cross(a: Vector, b: Vector) -> Vector:
    return [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]


def capped(a: Vector, cap: float) -> Vector:
    return times(1 / math.sqrt(1 + square(a) / cap**2), a)


@dataclass
class System:
    """The nodes of one graph."""

    x: list[Vector]
    x0: list[Vector]
    v: list[Vector] | None
    h: list[Vector]

    @property
    def center(self) -> Vector:
        return mean(self.x)

    @property
    def start(self) -> Vector:
        return mean(self.x0)

    @property
    def radius(self) -> float:
        return math.sqrt(mean_square([sub(p, self.start) for p in self.x0]))

    @property
    def travel(self) -> float:
        """S of the displacement norms."""
        if self.v is None:
            return self.radius / 2
        return math.sqrt(mean_square(self.v) + (self.radius / 10) ** 2)


@dataclass
class Batch:
    """A batch as tensors, and as the systems it is made of."""

    sizes: tuple[int, ...] = (3, 1, 5, 2)
    seed: int = 0
    velocities: bool = True
    features: int = 4

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)

        def draw(width: int) -> Tensor:
            total = sum(self.sizes)
            return torch.randn(total, width, dtype=torch.float64, generator=generator)

        self.x0 = draw(3) + 0.7
        self.x = 2 * draw(3) - 0.4
        self.v = draw(3) if self.velocities else None
        self.h = draw(self.features)
        self.graph = Graph.complete(num_nodes=self.sizes)

    def inputs(self) -> dict[str, Tensor | None]:
        return {"x0": self.x0, "v": self.v, "h": self.h}

    def systems(self) -> list[System]:
        parts = [
            [None] * len(self.sizes) if t is None else [p.tolist() for p in t.split(self.sizes)]
            for t in (self.x, self.x0, self.v, self.h)
        ]
        return [System(*values) for values in zip(*parts, strict=True)]

    def deviation(self, norm: nn.Module, by_hand: Callable[[System], list[Vector]]) -> float:
        """Largest difference between a norm on the batch and an oracle on each of its systems."""
        rows = [row for system in self.systems() for row in by_hand(system)]
        expected = torch.tensor(rows, dtype=torch.float64)
        return (norm(self.x, self.graph, **self.inputs()) - expected).abs().max().item()


def build(name: str, on: str, seed: int = 1, **options: object) -> nn.Module:
    """A norm in float64 with parameters away from their initial values."""
    norm = eqnorm.create_norm(name, on=on, **options).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in norm.parameters():
            noise = torch.rand(parameter.shape, dtype=torch.float64, generator=generator)
            parameter.add_(noise - 0.25)
    return norm


def coefficients(norm: nn.Module, h: Vector) -> Vector:
    """tanh(W LN(h) + b) of a norm's coefficients, by hand."""
    parts = norm.coefficients
    bias = parts.bias.tolist()
    if parts.weight is None:
        return [math.tanh(b) for b in bias]
    average = sum(h) / len(h)
    variance = sum((c - average) ** 2 for c in h) / len(h)
    gains, shifts = parts.norm.weight.tolist(), parts.norm.bias.tolist()
    hat = [
        g * (c - average) / math.sqrt(variance + 1e-5) + s
        for c, g, s in zip(h, gains, shifts, strict=True)
    ]
    return [
        math.tanh(sum(w * c for w, c in zip(row, hat, strict=True)) + b)
        for row, b in zip(parts.weight.tolist(), bias, strict=True)
    ]

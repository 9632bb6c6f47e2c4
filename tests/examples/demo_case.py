"""A miniature of the demo."""

from __future__ import annotations

from examples.demo import plan

TINY = plan.Scale(
    train=20, particles=10, hidden=4, steps=2, sizes=(5,), layers=1, examples=2, growth_sizes=(5,)
)

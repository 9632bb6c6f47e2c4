"""Wrong models: memory, randomness, writes, NaN and gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqnorm.testing.broken.parts import add_up, mean_of, pairs_of, pull
from eqnorm.testing.broken.specimens import specimen

WITH_VELOCITY = {"pos": "points", "v": "1o", "batch": "batch"}


@specimen("mutation")
def writes_into_positions(pos: Tensor, batch: Tensor) -> Tensor:
    """Updates the positions in place."""
    pos += pull(pos, batch)
    return pos


@specimen("mutation", inputs=WITH_VELOCITY, output=("points", "1o"))
def zeroes_small_velocities(pos: Tensor, v: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Writes into the velocities, but only where they are tiny or huge."""
    size = v.norm(dim=-1)
    odd = (size < 1e-2) | (size > 1e2)
    if bool(odd.any()):
        v[odd] = v[odd] * 0.5
    return pos + 0.1 * v, v


@specimen("determinism")
def dropout_in_eval(pos: Tensor, batch: Tensor) -> Tensor:
    """Drops displacements at random, always."""
    gate = nn.functional.dropout(torch.ones_like(pos[:, :1]), 0.1, training=True)
    return pos + gate * pull(pos, batch)


@specimen("determinism")
def noise_in_large_graphs(pos: Tensor, batch: Tensor) -> Tensor:
    """Adds faint noise when there are more than ten nodes."""
    noise = 1e-3 * torch.randn(pos.shape[0], 1, dtype=pos.dtype) * (pos.shape[0] > 10)
    return pos + pull(pos, batch) * (1 + noise)


@specimen("state")
class RunningStatistics(nn.Module):
    """Updates its running mean in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.register_buffer("mean", torch.ones(()))

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Scale by the running mean of the spread."""
        d = pos - mean_of(pos, batch)
        self.mean = 0.9 * self.mean + 0.1 * d.detach().norm(dim=-1).mean()
        return pos + 0.1 * d / self.mean


@specimen("state")
class CachesFirstCenter(nn.Module):
    """Remembers the first spread it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.scale: float | None = None

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Scale by the first input's spread."""
        d = pos - mean_of(pos, batch)
        if self.scale is None:
            self.scale = float(d.detach().norm()) + 1.0
        return pos + d / self.scale


@specimen("state")
class CountsCalls(nn.Module):
    """Anneals with the number of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Displace, less with every call."""
        self.calls += 1
        return pos + pull(pos, batch) / self.calls


@specimen("state", inputs={"h": "4x0e", "batch": "batch"}, output="4x0e")
class HiddenState(nn.Module):
    """A recurrent cell that keeps its hidden state between calls."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.zeros(4)

    def forward(self, h: Tensor, batch: Tensor) -> Tensor:
        """One step."""
        self.hidden = torch.tanh(0.5 * self.hidden + h.detach().mean(0))
        return h + self.hidden.to(h)


@specimen("non-finite")
def nan_at_coincident_nodes(pos: Tensor, batch: Tensor) -> Tensor:
    """Divides by the distance, unguarded."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    return pos + 0.1 * add_up(d / d.norm(dim=-1, keepdim=True), i, pos)


@specimen("non-finite")
def nan_for_one_node(pos: Tensor, batch: Tensor) -> Tensor:
    """Divides by the spread, which is zero for a single node."""
    d = pos - mean_of(pos, batch)
    spread = mean_of(d.square().sum(-1, keepdim=True), batch).sqrt()
    return pos + 0.1 * d / spread


@specimen("non-finite", output="0e")
def naive_softmax(pos: Tensor, batch: Tensor) -> Tensor:
    """Attention without subtracting the maximum: overflows for large distances."""
    r = (pos - mean_of(pos, batch)).norm(dim=-1, keepdim=True)
    e = r.exp()
    weight: Tensor = e / (mean_of(e, batch) * 2)
    return weight


@specimen("non-finite gradient")
def root_of_zero(pos: Tensor, batch: Tensor) -> Tensor:
    """Sqrt of a square: finite, but its gradient at zero is not."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    r = d.square().sum(-1, keepdim=True).sqrt()
    return pos + 0.1 * add_up(d * torch.exp(-r), i, pos)


@specimen("non-finite gradient", inputs=WITH_VELOCITY, output="1o")
def where_guard(pos: Tensor, v: Tensor, batch: Tensor) -> Tensor:
    """Guards a division by a where, through which NaN gradients pass."""
    size = v.square().sum(-1, keepdim=True)
    return torch.where(size > 0, v / size.sqrt(), torch.zeros_like(v))


class _CrookedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0] * grad[0].new_tensor([1.0, 1.0, 0.9])


@specimen("gradient")
def crooked_backward(pos: Tensor, batch: Tensor) -> Tensor:
    """A custom backward that is not equivariant."""
    moved: Tensor = _CrookedGradient.apply(  # type: ignore[no-untyped-call]
        pull(pos, batch)
    )
    return pos + moved


@specimen("gradient")
def clipped_gradient(pos: Tensor, batch: Tensor) -> Tensor:
    """Clips gradients by component, with a hook."""
    d = pull(pos, batch)
    if d.requires_grad:
        d.register_hook(  # type: ignore[no-untyped-call]
            lambda grad: grad.clamp(-0.5, 0.5)
        )
    return pos + d


@specimen("vacuous", output="1o", strict=("vacuous",))
def constant_zero(pos: Tensor, batch: Tensor) -> Tensor:
    """Returns zeros, which are equivariant to anything."""
    return 0.0 * pos


@specimen("raises")
def fails_for_one_node(pos: Tensor, batch: Tensor) -> Tensor:
    """Raises for a graph of a single node."""
    if int(torch.bincount(batch).min()) < 2:
        raise RuntimeError("need at least two nodes")
    return pos + pull(pos, batch)

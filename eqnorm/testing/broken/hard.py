"""Right but hard: ill-conditioned, discontinuous, huge, tiny, deep, chiral."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.testing.broken.parts import add_up, mean_of, pairs_of, pull
from eqnorm.testing.broken.rotations import chirality
from eqnorm.testing.broken.specimens import specimen

WITH_VELOCITY = {"pos": "points", "v": "1o", "batch": "batch"}


@specimen(group="E3")
def sharp_kernel(pos: Tensor, batch: Tensor) -> Tensor:
    """A Gaussian of width 0.02."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    return pos + add_up(d * torch.exp(-1e3 * d.square().sum(-1, keepdim=True)), i, pos)


@specimen(output="1o", group="E3")
def steep_forces(pos: Tensor, batch: Tensor) -> Tensor:
    """Forces like 1/r^6, softened at 0.05."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    return add_up(d / (d.square().sum(-1, keepdim=True) + 0.0025) ** 3.5, i, pos)


@specimen(output="0e", group="E3")
def vandermonde(pos: Tensor, batch: Tensor) -> Tensor:
    """Alternating sums of high powers, which nearly cancel."""
    i, j = pairs_of(batch)
    d2 = (pos[i] - pos[j]).square().sum(-1, keepdim=True)
    r = d2 / (1 + d2)
    powers = [(-1.0) ** k * 2.0**k * r**k for k in range(12)]
    return add_up(torch.stack(powers).sum(0), i, pos[:, :1])


@specimen(output=("1o", "0e"), group="E3")
def huge_output(pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs of 1e12."""
    d = pull(pos, batch)
    return 1e12 * d, 1e12 * d.square().sum(-1, keepdim=True)


@specimen(output=("1o", "0e"), group="E3")
def tiny_output(pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs of 1e-12."""
    d = pull(pos, batch)
    return 1e-12 * d, 1e-12 * d.square().sum(-1, keepdim=True)


@specimen(group="SE3")
def chiral(pos: Tensor, batch: Tensor) -> Tensor:
    """A cross product: equivariant to rotations, not to reflections."""
    d = pos - mean_of(pos, batch)
    turned: Tensor = torch.linalg.cross(d, pull(pos, batch), dim=-1)
    return pos + turned + d * torch.tanh(chirality(pos, batch))


@specimen(inputs=WITH_VELOCITY, output=("points", "1o"), group="E3")
def velocities(pos: Tensor, v: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """A leapfrog step."""
    v = v + pull(pos, batch)
    return pos + 0.1 * v, v


@specimen(group="E3")
def nearest_neighbours(pos: Tensor, batch: Tensor) -> Tensor:
    """Means over the four nearest: discontinuous, with ties in symmetric systems."""
    far = torch.where(batch[:, None] == batch[None], 0.0, torch.inf).to(pos.dtype)
    d2 = (pos[:, None] - pos[None]).square().sum(-1) + far
    d2 = d2 + torch.diag(torch.full_like(d2[0], torch.inf))
    value, index = d2.topk(min(4, pos.shape[0]), largest=False)
    d = torch.where(torch.isfinite(value)[..., None], pos[index] - pos[:, None], 0.0)
    return pos + 0.1 * d.sum(1)


@specimen(group="E3")
def radius_graph(pos: Tensor, batch: Tensor) -> Tensor:
    """A sharp cutoff at 1.5."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    near = d.square().sum(-1, keepdim=True) < 2.25
    return pos + 0.1 * add_up(torch.where(near, d, torch.zeros_like(d)), i, pos)


@specimen(inputs={"pos": "points", "h": "4x0e", "batch": "batch"}, group="E3")
def attention(pos: Tensor, h: Tensor, batch: Tensor) -> Tensor:
    """Softmax attention within graphs."""
    logits = h @ h.T - (pos[:, None] - pos[None]).square().sum(-1)
    logits = logits.masked_fill(batch[:, None] != batch[None], -torch.inf)
    return torch.softmax(logits, dim=-1) @ pos


@specimen(inputs={"pos": "points", "h": "4x0e", "batch": "batch"}, group="E3")
def discrete_choice(pos: Tensor, h: Tensor, batch: Tensor) -> Tensor:
    """Moves towards the node with the largest invariant key."""
    key = h[:, 0][None] + 0 * h[:, :1]
    chosen = key.masked_fill(batch[:, None] != batch[None], -torch.inf).argmax(1)
    return pos + 0.5 * (pos[chosen] - pos)


@specimen(output="0e", group="E3")
def median_distance(pos: Tensor, batch: Tensor) -> Tensor:
    """A median over the distances of each graph."""
    d = (pos[:, None] - pos[None]).square().sum(-1)
    rows = [d[node][batch == batch[node]].median() for node in range(pos.shape[0])]
    return torch.stack(rows)[:, None]


@specimen(inputs={"pos": "points", "h": "4x0e", "batch": "batch"}, output=("points", "8x0e"))
class Deep(nn.Module):
    """Sixteen layers of message passing, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.message = nn.ModuleList(nn.Linear(17, 8) for _ in range(16))
        self.gate = nn.ModuleList(nn.Linear(8, 1) for _ in range(16))
        self.norm = nn.ModuleList(nn.LayerNorm(8) for _ in range(16))

    def forward(self, pos: Tensor, h: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Sixteen steps."""
        i, j = pairs_of(batch)
        x, f = pos, self.embed(h)
        for message, gate, norm in zip(self.message, self.gate, self.norm, strict=True):
            d = x[j] - x[i]
            r = torch.log1p(d.square().sum(-1, keepdim=True))
            m = torch.tanh(message(torch.cat([f[i], f[j], r], dim=-1)))
            x = x + 0.05 * add_up(d / (1 + d.square().sum(-1, keepdim=True)) * gate(m), i, x)
            f = norm(f + add_up(m, i, f))
        return x, f


@specimen(group="E3")
def centres_in_double(pos: Tensor, batch: Tensor) -> Tensor:
    """Centres in float64, computes in float32, adds back in float64."""
    center = mean_of(pos.double(), batch)
    local = (pos.double() - center).to(pos.dtype)
    moved = local / (1 + local.square().sum(-1, keepdim=True))
    return (center + moved.double()).to(pos.dtype)


@specimen(output="1o", group="E3")
def cancelling_sum(pos: Tensor, batch: Tensor) -> Tensor:
    """The total of pair forces, zero up to rounding: all noise."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    force = add_up(d / (1 + d.square().sum(-1, keepdim=True)), i, pos)
    return mean_of(force, batch)

"""Right but hard: frames, eval-mode statistics, irreps, detached and smoothed parts."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm.testing.broken.parts import add_up, mean_of, pairs_of, pull
from eqnorm.testing.broken.specimens import specimen

WITH_VELOCITY = {"pos": "points", "v": "1o", "batch": "batch"}


@specimen(group="E3")
class FrameAveraging(nn.Module):
    """Averages an arbitrary network over the frames of principal axes (Puny et al.)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 3))

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Average over the signs of the axes, graph by graph."""
        center = mean_of(pos, batch)
        out = torch.zeros_like(pos)
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3).to(pos)
        for graph in range(int(batch.max()) + 1):
            own = batch == graph
            local = (pos - center)[own]
            _, axes = torch.linalg.eigh(local.T @ local)
            total = torch.zeros_like(local)
            for sign in signs:
                frame = axes * sign
                total = total + self.net(local @ frame) @ frame.T
            out[own] = total / len(signs)
        return pos + out


@specimen(inputs={"v": "1o", "w": "1o", "u": "1o"}, output="1o", group="SO3")
def gram_schmidt(v: Tensor, w: Tensor, u: Tensor) -> Tensor:
    """Acts in a frame built from two vectors of the node: singular where they are parallel."""
    a = v * (v.square().sum(-1, keepdim=True) + 1e-12).rsqrt()
    b = w - (w * a).sum(-1, keepdim=True) * a
    b = b * (b.square().sum(-1, keepdim=True) + 1e-12).rsqrt()
    frame = torch.stack([a, b, torch.linalg.cross(a, b, dim=-1)], dim=-1)
    local = frame.transpose(-1, -2) @ u[..., None]
    return (frame @ (torch.sigmoid(local) * local.new_tensor([[1.0], [2.0], [3.0]])))[..., 0]


@specimen(inputs=WITH_VELOCITY, output="0e", group="E3")
class BatchNormInEval(nn.Module):
    """Batch norm with frozen statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.norm.running_mean.copy_(torch.tensor([0.3, 1.0]))  # type: ignore[union-attr]
        self.head = nn.Linear(2, 1)

    def forward(self, pos: Tensor, v: Tensor, batch: Tensor) -> Tensor:
        """Normalise two invariants."""
        d = pos - mean_of(pos, batch)
        both = torch.stack([(d * v).sum(-1), v.square().sum(-1)], dim=-1)
        out: Tensor = self.head(self.norm(both))
        return out


@specimen(group="E3")
def soft_direction(pos: Tensor, batch: Tensor) -> Tensor:
    """Normalises by a guarded root mean square."""
    d = pos - mean_of(pos, batch)
    mean_square = mean_of(d.square().sum(-1, keepdim=True), batch)
    return pos + d * (mean_square + 1e-6).rsqrt()


@specimen(group="E3")
def detached_weight(pos: Tensor, batch: Tensor) -> Tensor:
    """Detaches a part: not the true gradient, but an equivariant one."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    weight = 1 / (1 + d.square().sum(-1, keepdim=True)).detach()
    return pos + 0.1 * add_up(d * weight, i, pos)


@specimen(inputs={"x": "4x0e+3x1o+2x2e"}, output="2x0e+2x1o+1x2e", group="O3")
class TensorProduct(nn.Module):
    """An e3nn tensor product, whose constants are float32."""

    def __init__(self) -> None:
        super().__init__()
        irreps = "4x0e+3x1o+2x2e"
        self.product = o3.FullyConnectedTensorProduct(irreps, irreps, "2x0e+2x1o+1x2e")

    def forward(self, x: Tensor) -> Tensor:
        """X times x."""
        out: Tensor = self.product(x, x)
        return out


@specimen(output="0e", group="E3")
def energy(pos: Tensor, batch: Tensor) -> Tensor:
    """One number per graph, from sums over all pairs."""
    i, j = pairs_of(batch)
    r2 = (pos[i] - pos[j]).square().sum(-1)
    count = int(batch.max()) + 1
    per_node = 1 / (1 + r2)
    return pos.new_zeros(count).index_add(0, batch[i], per_node)[:, None]


@specimen(inputs=WITH_VELOCITY, output="1o", group="E3")
def forces_by_autograd(pos: Tensor, v: Tensor, batch: Tensor) -> Tensor:
    """Differentiates an energy inside the model."""
    with torch.enable_grad():
        x = pos if pos.requires_grad else pos.detach().requires_grad_()
        i, j = pairs_of(batch)
        total = (-(x[i] - x[j]).square().sum(-1)).exp().sum() + 0 * x.sum()
        (force,) = torch.autograd.grad(total, x, create_graph=True)
    return v - force


@specimen(group="E3")
def coordinates_sum(pos: Tensor, batch: Tensor) -> Tensor:
    """Sums, not means, over up to forty nodes."""
    return pos + pull(pos, batch, 5.0)


@specimen(group="E3", dtype=torch.float64)
def double_all_through(pos: Tensor, batch: Tensor) -> Tensor:
    """Checked in float64, with a length scale of 1e-3."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    return pos + 0.1 * add_up(d / (1e-6 + d.square().sum(-1, keepdim=True)).sqrt(), i, pos)


@specimen(group="E3", dtype=torch.bfloat16)
def coarse_all_through(pos: Tensor, batch: Tensor) -> Tensor:
    """Checked in bfloat16."""
    d = pos - mean_of(pos, batch)
    return pos + 0.1 * d / (1 + d.square().sum(-1, keepdim=True)).sqrt()

"""Wrong models: rotation and reflection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.testing.broken.parts import add_up, mean_of, pairs_of, pull
from eqnorm.testing.broken.specimens import specimen


@specimen("rotation")
def component_layernorm(pos: Tensor, batch: Tensor) -> Tensor:
    """Normalises the three components of a centred vector by their mean and variance."""
    center = mean_of(pos, batch)
    return center + nn.functional.layer_norm(pos - center, (3,))


@specimen("rotation")
def clamp_components(pos: Tensor, batch: Tensor) -> Tensor:
    """Clamps each component of the displacement to +-100, as the official EGNN does."""
    return (
        pos + pull(pos, batch, 10.0).clamp(-100, 100) + (pos - mean_of(pos, batch)).clamp(-100, 100)
    )


@specimen("rotation")
def far_nodes_only(pos: Tensor, batch: Tensor) -> Tensor:
    """Stretches z, but only of nodes more than 30 from their centre."""
    d = pos - mean_of(pos, batch)
    far = d.norm(dim=-1, keepdim=True) > 30
    stretch = torch.where(far, d * d.new_tensor([0.0, 0.0, 0.01]), 0.0)
    return pos + pull(pos, batch) + stretch


@specimen("rotation")
def weak_anisotropy(pos: Tensor, batch: Tensor) -> Tensor:
    """Stretches x by one part in a thousand."""
    d = pos - mean_of(pos, batch)
    return pos + pull(pos, batch) + 1e-3 * d * d.new_tensor([1.0, 0.0, 0.0])


@specimen("rotation")
def faint_anisotropy(pos: Tensor, batch: Tensor) -> Tensor:
    """Stretches x by one part in twenty thousand."""
    d = pos - mean_of(pos, batch)
    return pos + 5e-5 * d * d.new_tensor([1.0, 0.0, 0.0])


@specimen("rotation")
def about_z_only(pos: Tensor, batch: Tensor) -> Tensor:
    """Equivariant to rotations about z: the plane and the height are scaled apart."""
    d = pos - mean_of(pos, batch)
    flat = d[:, :2].norm(dim=-1, keepdim=True)
    return pos + torch.cat([d[:, :2] / (1 + flat), 0.5 * d[:, 2:]], dim=-1)


@specimen("rotation")
def quarter_turns_only(pos: Tensor, batch: Tensor) -> Tensor:
    """Equivariant to the rotations of a cube: a cubic anisotropy of the displacement."""
    d = pos - mean_of(pos, batch)
    return pos + 0.1 * d**3 / (1 + d.square().sum(-1, keepdim=True))


@specimen("rotation")
def large_systems_only(pos: Tensor, batch: Tensor) -> Tensor:
    """Pushes along x in graphs of more than 8 nodes, in proportion to their size."""
    d = pos - mean_of(pos, batch)
    size = torch.bincount(batch)[batch][:, None]
    spread = d.norm(dim=-1, keepdim=True)
    push = torch.where(size > 8, spread * d.new_tensor([0.01, 0.0, 0.0]), 0.0)
    return pos + push


@specimen("rotation")
def one_node_only(pos: Tensor, batch: Tensor) -> Tensor:
    """Turns the node farthest from the centre about a fixed axis."""
    d = pos - mean_of(pos, batch)
    r = d.norm(dim=-1)
    top = torch.zeros(int(batch.max()) + 1, dtype=r.dtype).scatter_reduce(0, batch, r, "amax")
    chosen = (r == top[batch])[:, None]
    turn = d[:, [1, 0, 2]] * d.new_tensor([-1.0, 1.0, 1.0])
    return pos + torch.where(chosen, 0.05 * turn, 0.0 * d)


@specimen("rotation")
def sorts_by_x(pos: Tensor, batch: Tensor) -> Tensor:
    """Weights nodes by their rank in x."""
    order = (pos[:, 0][:, None] > pos[:, 0][None, :]) & (batch[:, None] == batch[None, :])
    rank = order.sum(1, keepdim=True).to(pos.dtype)
    return pos + (pos - mean_of(pos, batch)) * rank / 10


@specimen("rotation")
def eps_per_component(pos: Tensor, batch: Tensor) -> Tensor:
    """Divides by the components' own magnitudes, guarded one by one."""
    d = pos - mean_of(pos, batch)
    return pos + d / (d.abs() + 1.0)


@specimen("rotation")
def manhattan_length(pos: Tensor, batch: Tensor) -> Tensor:
    """Divides by the 1-norm."""
    d = pos - mean_of(pos, batch)
    return pos + d / (1 + d.abs().sum(-1, keepdim=True))


@specimen("rotation", inputs={"v": "1o", "w": "1o"}, output="1o", group="SO3")
def transposed_frame(v: Tensor, w: Tensor) -> Tensor:
    """Returns coordinates in the node's own frame as a vector of the laboratory's."""
    frame = torch.stack([v, w, torch.linalg.cross(v, w, dim=-1)], dim=-1)
    return (frame.transpose(-1, -2) @ v[..., None])[..., 0]


@specimen("rotation", output="1o")
def swapped_axes(pos: Tensor, batch: Tensor) -> Tensor:
    """Returns vectors in the order y, z, x, where x, y, z is declared."""
    return pull(pos, batch)[:, [1, 2, 0]]


@specimen("rotation", inputs={"x": "4x0e+4x1o"}, output="4x0e+4x1o", group="O3")
class LayerNormOverIrreps(nn.Module):
    """nn.LayerNorm over all components of irreps."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        out: Tensor = self.norm(x)
        return out


@specimen("rotation", inputs={"x": "8x0e+2x2e"}, output="8x0e+2x2e", group="SO3")
def gate_by_one_component(x: Tensor) -> Tensor:
    """Gates l = 2 features by the sigmoid of their own first component."""
    s, t = x[:, :8], x[:, 8:].reshape(-1, 2, 5)
    return torch.cat([s, (t * torch.sigmoid(t[..., :1])).flatten(1)], dim=-1)


@specimen("rotation", inputs={"x": "2x2e"}, output="2x2e", group="SO3")
def channels_first_layout(x: Tensor) -> Tensor:
    """Mixes channels in the layout (5, 2), where e3nn has (2, 5)."""
    return (x.reshape(-1, 5, 2) @ x.new_tensor([[1.0, 0.5], [-0.3, 1.0]])).flatten(1)


@specimen("reflection", output="1o", group="E3")
def cross_product_as_vector(pos: Tensor, batch: Tensor) -> Tensor:
    """Returns a pseudo-vector as a vector."""
    d = pos - mean_of(pos, batch)
    turned: Tensor = torch.linalg.cross(d, pull(pos, batch), dim=-1)
    return turned


@specimen("reflection", inputs={"x": "2x0o+1x1o"}, output="2x0e+1x1o", group="O3")
def pseudoscalar_as_scalar(x: Tensor) -> Tensor:
    """Treats 0o as 0e."""
    return torch.cat([torch.tanh(x[:, :2]) + 0.1, x[:, 2:]], dim=-1)


@specimen("reflection", output="0e", group="E3")
def signed_volume(pos: Tensor, batch: Tensor) -> Tensor:
    """Returns a triple product, which changes sign in a mirror, as a scalar."""
    return chirality(pos, batch)


def chirality(pos: Tensor, batch: Tensor) -> Tensor:
    """Sum over triples of the triple product, weighted so that it does not vanish: (N, 1)."""
    i, j = pairs_of(batch)
    d = pos[j] - pos[i]
    r = d.norm(dim=-1, keepdim=True)
    a = add_up(d / (1 + r), i, pos)
    b = add_up(d / (1 + r) ** 2, i, pos)
    c = add_up(d / (1 + r) ** 3, i, pos)
    volume: Tensor = (torch.linalg.cross(a, b, dim=-1) * c).sum(-1, keepdim=True)
    return volume


@specimen("rotation")
class AxisDropped(nn.Module):
    """Projects onto learned directions of the laboratory frame."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 3, bias=False)

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Mix the coordinates."""
        d = pos - mean_of(pos, batch)
        mixed: Tensor = self.mix(d)
        return pos + 0.02 * mixed

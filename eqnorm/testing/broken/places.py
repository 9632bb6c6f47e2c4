"""Wrong models: translation, and faults that show only far from the origin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.testing.broken.parts import mean_of, pull
from eqnorm.testing.broken.specimens import specimen


@specimen("translation", output="points")
def scales_about_origin(pos: Tensor, batch: Tensor) -> Tensor:
    """Scales positions about the origin."""
    return 1.01 * pos + pull(pos, batch)


@specimen("translation", output=("points", "1o"))
def velocity_sees_place(pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Only the velocity depends on the absolute position."""
    return pos + pull(pos, batch), pull(pos, batch) + 1e-3 * pos


@specimen("translation", "rotation")
def grid_far_out(pos: Tensor, batch: Tensor) -> Tensor:
    """Rounds positions farther than 100 from the origin to a grid of 0.01."""
    far = pos.norm(dim=-1, keepdim=True) > 100
    return torch.where(far, (pos * 100).round() / 100, pos) + pull(pos, batch)


@specimen("translation", "rotation")
def box_of_1000(pos: Tensor, batch: Tensor) -> Tensor:
    """Clamps positions to a box of 1000 about the origin."""
    return pos.clamp(-1000, 1000) + pull(pos, batch)


@specimen("translation", output="0e")
def distance_to_origin(pos: Tensor, batch: Tensor) -> Tensor:
    """An invariant that reads the distance to the origin, weakly."""
    d = pos - mean_of(pos, batch)
    place = pos.square().sum(-1, keepdim=True).add(1e-12).sqrt()
    return d.square().sum(-1, keepdim=True) + 1e-3 * place


@specimen("translation", output="1o")
def forgets_to_center(pos: Tensor, batch: Tensor) -> Tensor:
    """A displacement that is the position itself, for single nodes only."""
    size = torch.bincount(batch)[batch][:, None]
    return torch.where(size == 1, pos, pull(pos, batch))


@specimen("translation")
def displacement_above_threshold(pos: Tensor, batch: Tensor) -> Tensor:
    """Shifts by a hundredth of the centre where the centre is farther than 500."""
    center = mean_of(pos, batch)
    far = center.norm(dim=-1, keepdim=True) > 500
    return pos + pull(pos, batch) + torch.where(far, 0.01 * center, 0.0)


@specimen("translation", group="translation")
class PeriodicFeature(nn.Module):
    """Reads sin of the coordinates: translations by a period only."""

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Displace."""
        return pos + 0.1 * torch.sin(2 * torch.pi * pos)


@specimen("precision", dtype=torch.float64)
def single_inside(pos: Tensor, batch: Tensor) -> Tensor:
    """Computes displacements in float32."""
    return pos + pull(pos.float(), batch).double()


@specimen("precision", dtype=torch.float64)
def absolute_positions_in_single(pos: Tensor, batch: Tensor) -> Tensor:
    """Casts absolute positions to float32 before taking differences."""
    low = pos.float()
    return pos + (low - mean_of(low, batch)).double() * 0.1


@specimen("precision")
def half_inside(pos: Tensor, batch: Tensor) -> Tensor:
    """Computes displacements in bfloat16."""
    d = (pos - mean_of(pos, batch)).bfloat16()
    return pos + (d / (1 + d.square().sum(-1, keepdim=True))).to(pos.dtype)


@specimen("rotation", "translation", "precision")
def rounded_to_three_digits(pos: Tensor, batch: Tensor) -> Tensor:
    """Rounds displacements to three digits."""
    d = pos - mean_of(pos, batch)
    return pos + (d * 1e3).round() / 1e3

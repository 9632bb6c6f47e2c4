"""Check a model of your own: declare its arguments, and the checker looks for a violation."""

import torch
from torch import nn

from eqnorm.testing import EquivarianceError, assert_equivariant


class Mover(nn.Module):
    """Moves each point along the vectors to the others, by a learned function of distance."""

    def __init__(self, normalise: bool) -> None:
        super().__init__()
        self.weight = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 1))
        self.norm = nn.LayerNorm(3) if normalise else nn.Identity()

    def forward(self, pos: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        sender, receiver = edge_index
        relative = pos[receiver] - pos[sender]
        distance = relative.square().sum(-1, keepdim=True)
        moved = torch.zeros_like(pos).index_add(0, receiver, relative * self.weight(distance))
        return self.norm(pos + moved)


declaration = {
    "inputs": {"pos": "points", "edge_index": "edge_index"},
    "output": "points",
    "group": "SE3",
    "quick": True,
}

torch.set_num_threads(1)
torch.manual_seed(0)
print(assert_equivariant(Mover(normalise=False), **declaration))

# A LayerNorm on coordinates is a popular mistake: it mixes the axes.
try:
    assert_equivariant(Mover(normalise=True), **declaration)
except EquivarianceError as error:
    print(f"\nwith nn.LayerNorm on the points:\n{error}")
else:
    raise SystemExit("the checker should have found LayerNorm out")

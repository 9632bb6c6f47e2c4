"""Wrong models: node order, edge order, and graphs that see one another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.testing.broken.parts import add_up, mean_of, pairs_of, pull
from eqnorm.testing.broken.specimens import specimen

EDGES = {"pos": "points", "edge_index": "edge_index", "batch": "batch"}


@specimen("permutation")
def weights_by_index(pos: Tensor, batch: Tensor) -> Tensor:
    """Weights nodes by their place in the list."""
    d = pos - mean_of(pos, batch)
    place = torch.arange(pos.shape[0], dtype=pos.dtype)[:, None]
    return pos + 0.01 * d * torch.cos(place)


@specimen("permutation")
def relative_to_first(pos: Tensor, batch: Tensor) -> Tensor:
    """Takes the first node of each graph for its centre."""
    count = int(batch.max()) + 1
    first = torch.stack([pos[batch == graph][0] for graph in range(count)])[batch]
    return first + 0.5 * (pos - first)


@specimen("permutation")
def neighbours_in_the_list(pos: Tensor, batch: Tensor) -> Tensor:
    """Smooths along the list of nodes."""
    before, after = batch.roll(1) == batch, batch.roll(-1) == batch
    d = before[:, None] * (pos.roll(1, 0) - pos) + after[:, None] * (pos.roll(-1, 0) - pos)
    return pos + 0.1 * d


@specimen("permutation", inputs=EDGES)
def last_write_wins(pos: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
    """Scatters with assignment, so that the last edge wins."""
    j, i = edge_index
    out = torch.zeros_like(pos)
    out[i] = pos[j] - pos[i]
    return pos + 0.1 * out


@specimen("permutation", inputs={**EDGES, "edge_attr": "edge:2x0e"})
def edge_attributes_shifted(
    pos: Tensor, edge_index: Tensor, batch: Tensor, edge_attr: Tensor
) -> Tensor:
    """Reads the edge features of the edge before."""
    j, i = edge_index
    weight = torch.tanh(edge_attr.roll(1, 0)).sum(-1, keepdim=True)
    return pos + 0.1 * add_up((pos[j] - pos[i]) * weight, i, pos)


@specimen("permutation", inputs=EDGES)
def first_edges_only(pos: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
    """Keeps the first 24 edges."""
    j, i = edge_index[:, :24]
    return pos + 0.1 * add_up(pos[j] - pos[i], i, pos)


@specimen("permutation")
class PerParticle(nn.Module):
    """One learned gain for each place in the list."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.randn(256, 1))

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        """Scale."""
        return pos + 0.1 * (pos - mean_of(pos, batch)) * self.gain[: pos.shape[0]]


@specimen("independence")
def global_center(pos: Tensor, batch: Tensor) -> Tensor:
    """Centres on the mean over the whole batch."""
    center = pos.mean(0, keepdim=True)
    return center + 0.9 * (pos - center) + pull(pos, batch)


@specimen("independence", output="0e")
def batch_statistics(pos: Tensor, batch: Tensor) -> Tensor:
    """Normalises an invariant by its mean and deviation over the batch."""
    r = (pos - mean_of(pos, batch)).square().sum(-1, keepdim=True)
    return (r - r.mean()) / (r.var(unbiased=False) + 1e-3).sqrt()


@specimen("independence")
def edges_across_graphs(pos: Tensor, batch: Tensor) -> Tensor:
    """Lets near nodes of different graphs interact."""
    d = pos[:, None] - pos[None]
    weight = torch.exp(-d.square().sum(-1, keepdim=True))
    return pos + 0.1 * (weight * d).sum(1)


@specimen("independence")
def last_graph_differs(pos: Tensor, batch: Tensor) -> Tensor:
    """Treats the last graph of the batch another way."""
    last = (batch == batch.max()) & (batch > 0)
    return pos + 0.1 * (pos - mean_of(pos, batch)) * torch.where(last, 2.0, 1.0)[:, None]


@specimen("independence", output="0e")
def scaled_by_batch_size(pos: Tensor, batch: Tensor) -> Tensor:
    """Divides by the number of nodes of the batch."""
    i, j = pairs_of(batch)
    r = (pos[i] - pos[j]).norm(dim=-1, keepdim=True)
    return add_up(r, i, pos[:, :1]) / pos.shape[0]


@specimen("independence", inputs={"h": "4x0e", "batch": "batch"}, output="4x0e")
def softmax_over_batch(h: Tensor, batch: Tensor) -> Tensor:
    """Attention weights normalised over all nodes of the batch."""
    return torch.softmax(h, dim=0) * h


@specimen(
    "independence",
    inputs={"h": "4x0e", "pos": "points", "batch": "batch"},
    output=("points", "4x0e"),
)
class FeaturesOfTheWholeBatch(nn.Module):
    """Three layers, the second of which centres features on their mean over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Mixing(whole_batch=index == 1) for index in range(3))

    def forward(self, h: Tensor, pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Displace points, and update features."""
        for layer in self.layers:
            h = layer(h, batch)
        return pos + pull(pos, batch), h


class _Mixing(nn.Module):
    """Each node sees the mean of its graph, or of the whole batch."""

    def __init__(self, whole_batch: bool) -> None:
        super().__init__()
        self.linear, self.whole_batch = nn.Linear(4, 4), whole_batch

    def forward(self, h: Tensor, batch: Tensor) -> Tensor:
        """Centred features through a linear layer."""
        mean = h.mean(0) if self.whole_batch else mean_of(h, batch)
        return h + torch.tanh(self.linear(h - 0.5 * mean))

"""Attach norms to an EGNN that we did not write: `python 04_attach_to_egnn.py [path/to/egnn]`.

The path is that of a clone of https://github.com/vgsatorras/egnn; without one, a few lines with the
same names and signatures stand in for it.
"""

import copy
import sys

import torch
from torch import nn

from eqnorm.testing import equivariance_report
from eqnorm_adapters import attach, recipes


class GCL(nn.Module):
    """(h, edge_index, coord) -> (h, coord, edge_attr), as `E_GCL` of the official code."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.edge_mlp = nn.Sequential(nn.Linear(2 * width + 1, width), nn.SiLU())
        self.node_mlp = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU())
        self.coord_mlp = nn.Linear(width, 1, bias=False)
        nn.init.xavier_uniform_(self.coord_mlp.weight, gain=0.001)

    def forward(self, h, edge_index, coord, edge_attr=None):
        row, col = edge_index
        diff = coord[row] - coord[col]
        message = self.edge_mlp(torch.cat([h[row], h[col], diff.square().sum(1, True)], 1))
        coord = coord.index_add(0, row, diff * self.coord_mlp(message))
        total = torch.zeros_like(h).index_add(0, row, message)
        return h + self.node_mlp(torch.cat([h, total], 1)), coord, edge_attr


class EGNN(nn.Module):
    """As `EGNN` of the official code."""

    def __init__(self, in_node_nf, hidden_nf, out_node_nf, n_layers=4) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.embedding_in = nn.Linear(in_node_nf, hidden_nf)
        self.embedding_out = nn.Linear(hidden_nf, out_node_nf)
        for i in range(n_layers):
            self.add_module(f"gcl_{i}", GCL(hidden_nf))

    def forward(self, h, x, edges, edge_attr):
        h = self.embedding_in(h)
        for i in range(self.n_layers):
            h, x, _ = self._modules[f"gcl_{i}"](h, edges, x, edge_attr=edge_attr)
        return self.embedding_out(h), x


if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])
    from models.egnn_clean.egnn_clean import EGNN

torch.set_num_threads(1)
torch.manual_seed(0)
model = EGNN(1, 32, 1, n_layers=4)
n = 20
pairs = torch.nonzero(~torch.eye(n, dtype=torch.bool)).T
inputs = {"h": torch.ones(n, 1), "x": 10 * torch.randn(n, 3), "edges": pairs, "edge_attr": None}
plain = copy.deepcopy(model)

# Spelt out: behind gcl_0, gcl_1, gcl_2 (not the last), on the second output.
handle = attach(model, "geonorm", at="gcl_*", output=1, points="x", batch=n)
print(handle)
for label, net in (("without", plain), ("with", model)):
    print(f"largest |x| {label} GeoNorm: {net(**inputs)[1].abs().max():.3g}")

# The norms' parameters are the model's: optimisers and checkpoints have them.
print([name for name in model.state_dict() if "eqnorm" in name])

# And off again: the model is as it was.
handle.remove()
assert torch.equal(model(**inputs)[1], plain(**inputs)[1])

# From a recipe; then ask the checker which choice keeps the symmetry.
types = {"h": "1x0e", "x": "points", "edges": "edge_index", "edge_attr": None}
for norm in ("geonorm", "layernorm"):
    with attach(model, norm, **recipes.recipe("egnn-official", batch=None)):
        report = equivariance_report(
            model, inputs=types, output=("1x0e", "points"), quick=True, sample=inputs
        )
    found = ", ".join(finding.name for finding in report.violations)
    print(f"{norm}: {'SE(3)-equivariant' if report.ok else 'breaks ' + found}")

"""An e3nn network on 64x0e+32x1o: e3nn's own modules, our norms, and the check of the whole."""

import torch
from e3nn import nn as enn
from e3nn import o3
from torch import nn

import eqnorm
from eqnorm.testing import assert_equivariant
from eqnorm_adapters import attach

IRREPS = o3.Irreps("64x0e+32x1o")


class Layer(nn.Module):
    """Messages by a tensor product with the direction, then a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.irreps_out = IRREPS
        self.gate = enn.Gate("64x0e", [torch.nn.functional.silu], "32x0e", [torch.sigmoid], "32x1o")
        harmonics = o3.Irreps.spherical_harmonics(1)
        self.product = o3.FullyConnectedTensorProduct(
            IRREPS, harmonics, self.gate.irreps_in, shared_weights=True
        )
        self.harmonics = harmonics

    def forward(self, f, pos, edge_index):
        sender, receiver = edge_index
        direction = o3.spherical_harmonics(
            self.harmonics, pos[receiver] - pos[sender], normalize=True
        )
        message = self.product(f[sender], direction)
        total = message.new_zeros(f.shape[0], message.shape[1]).index_add(0, receiver, message)
        return f + self.gate(total)


class Network(nn.Module):
    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        self.embed = o3.Linear("4x0e", IRREPS)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.read = o3.Linear(IRREPS, "1o")

    def forward(self, pos, h, edge_index):
        f = self.embed(h)
        for layer in self.layers:
            f = layer(f, pos, edge_index)
        return pos + self.read(f)


torch.set_num_threads(1)
torch.manual_seed(0)
n = 16
given = {
    "pos": torch.randn(n, 3),
    "h": torch.randn(n, 4),
    "edge_index": torch.nonzero(~torch.eye(n, dtype=torch.bool)).T,
}
for name in (None, "rmsnorm", "layernorm"):
    model = Network()
    if name is not None:
        # Each layer says what it puts out; a norm per irrep, statistics per node.
        attach(model, name, at="layers.*", on=lambda layer: layer.irreps_out, last=True)
    size = (model(**given) - given["pos"]).norm(dim=-1).mean()
    print(f"{name or 'no norm':>9}: points move by {size:.3g}")

report = assert_equivariant(
    model,
    inputs={"pos": "points", "h": "4x0e", "edge_index": "edge_index"},
    output="points",
    group="E3",
    sample=given,
    max_examples=4,
    gradients=False,
)
print(report)

# The same irreps in a backbone of the library, with a norm in a slot.
net = eqnorm.create_model("tfn", hidden=str(IRREPS), layers=2, feature_norm="rmsnorm")
out = net(given["pos"], eqnorm.Graph.complete(1, n))
print("tfn:", tuple(out.h.shape), "features, as", IRREPS, "has", IRREPS.dim)

"""Diagnose an exploding network: where numbers grow, whether the symmetry holds, and the cure.

A velocity EGNN of ten layers with summed messages and coordinates, as Eq. 2 of the GeoNorm paper
has it, on fifty particles. It is not trained: it explodes at initialisation.
"""

import torch

import eqnorm
from eqnorm.testing import audit
from eqnorm_adapters import ScaleMonitor

torch.set_num_threads(1)
n = 50
graph = eqnorm.Graph.complete(1, n)
make = torch.Generator().manual_seed(0)
x, v = 4 * torch.randn(n, 3, generator=make), torch.randn(n, 3, generator=make)


def network(**options):
    torch.manual_seed(0)
    return eqnorm.create_model("egnn_vel", hidden=32, layers=10, **options)


def growth(model):
    """The scale of points x and features h after each layer."""
    with torch.no_grad(), ScaleMonitor(model, "layers.*", {"x": 0, "h": 1}) as monitor:
        model(x, graph, v=v)
    return monitor


# 1. Where? The features h grow from the first layer on; at their size the points x follow, and
#    from then on each drives the other.
vanilla = growth(network(coord_aggregation="sum"))
print(vanilla)
print("first layer that is not finite:", vanilla.first_bad)

# 2. Is a broken symmetry to blame? The audit compares every submodule under one motion.
report = audit(
    network(coord_aggregation="sum"),
    inputs={"x": "points", "graph": "graph", "v": "1o"},
    sample={"x": x[:9], "v": v[:9], "graph": eqnorm.Graph.complete(1, 9)},
)
print("\nthe symmetry", "holds in every layer" if report.ok else f"breaks first in {report.first}")

# 3. What helps? Try norms by name, each in its slot.
cures = {
    "nothing": {},
    "edge_norm=coorsnorm": {"edge_norm": "coorsnorm"},
    "update_norm=softcap": {"update_norm": "softcap"},
    "norm=geonorm": {"norm": "geonorm"},
    "feature_norm=layernorm": {"feature_norm": "layernorm"},
    "layernorm, softcap and mean messages": {
        "feature_norm": "layernorm",
        "update_norm": "softcap",
        "message_aggregation": "mean",
    },
}
print(f"\n{'':<38}{'max |x|':>9}{'max |h|':>9}")
largest = {}
for label, options in cures.items():
    scales = growth(network(coord_aggregation="sum", **options)).scales["layers.9"]
    largest[label] = scales
    print(f"{label:<38}{scales['x'].largest:9.1e}{scales['h'].largest:9.1e}")

# Norms on points and displacements hold the points; the features are held by a norm of their own.
assert not largest["nothing"]["h"].largest < 1e6
assert largest["layernorm, softcap and mean messages"]["h"].largest < 100
assert largest["layernorm, softcap and mean messages"]["x"].largest < 100

"""Use the norm that the package beside this file registers; nothing here imports it."""

import torch

import eqnorm
from eqnorm.testing import assert_equivariant

torch.set_num_threads(1)
print(eqnorm.norm_spec("hullnorm", on="points").summary)

# By name, as any other.
norm = eqnorm.create_norm("hullnorm", on="points", gain=1.5)
model = eqnorm.create_model("egnn_vel", hidden=16, layers=3, norm="hullnorm")
x0 = torch.randn(8, 3)
y = norm(1e3 * x0, x0=x0)
radius, initial = ((p - p.mean(0)).norm(dim=-1).square().mean().sqrt() for p in (y, x0))
print(f"radius {radius:.3g}, at most 1.5 times the initial {initial:.3g}")
assert model(x0, eqnorm.Graph.complete(1, 8)).x.shape == (8, 3)

# Its contract holds.
report = assert_equivariant(
    norm,
    inputs={"x": "points", "graph": "graph", "x0": "points"},
    output="points",
    group=eqnorm.norm_spec("hullnorm", on="points").equivariant_to,
    quick=True,
)
print(report)

"""Choose a norm by name: list what there is, read its contract, use it alone and in a network."""

import torch

import eqnorm

# Which norms act on points and keep rotations and translations?
print("SE(3)-equivariant norms on points:", *eqnorm.list_norms(on="points", equivariant_to="SE3"))
print("all norms on irreps:", *eqnorm.list_norms(on="64x0e+32x1o"))

# What is promised, what must be given, where is it from?
spec = eqnorm.norm_spec("geonorm", on="points")
print(f"{spec.name}: {spec.equivariant_to}, needs {spec.needs}, from {spec.source}")

# On its own. Two systems of five points: `graph` says which point is in which.
graph = eqnorm.Graph.complete(num_graphs=2, num_nodes=5)
x0 = torch.randn(10, 3)
norm = eqnorm.create_norm("geonorm", on="points")
y = norm(100 * x0, graph, x0=x0)
print(f"points of size {100 * x0.std():.0f} come out with size {y.std():.2f}")

# In a network: each slot takes a name, or a name with options.
model = eqnorm.create_model(
    "egnn_vel",
    hidden=32,
    layers=4,
    norm=("geonorm", {"eps": 1e-3}),  # on the points, after each layer
    feature_norm="layernorm",  # on the hidden features, before each layer
)
out = model(x0, graph, v=torch.randn(10, 3))
print("points", tuple(out.x.shape), "features", tuple(out.h.shape))

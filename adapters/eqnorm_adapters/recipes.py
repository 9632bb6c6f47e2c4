"""Where a norm goes in well-known models: keywords for `attach`, by name.

>>> from eqnorm_adapters import recipes
>>> recipes.recipe("egnn-official", batch=20)
{'at': 'gcl_*', 'output': 1, 'points': 'x', 'features': 0, 'batch': 20}
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Recipe:
    """How to attach norms to one kind of model.

    Attributes:
        name: the name it is asked for by.
        model: the class it is for.
        package: where that is from, with the version that it was tested with.
        keywords: for :func:`eqnorm_adapters.attach`.
        missing: keywords that it cannot know, and what to give.
        notes: what is normalised.
    """

    name: str
    model: str
    package: str
    keywords: Mapping[str, Any]
    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: str = ""


def _convolution_irreps(layer: nn.Module) -> Any:
    """A layer of e3nn's v2106 networks: a convolution, or one and then a gate."""
    return getattr(layer, "second", layer).irreps_out


def _product_irreps(product: nn.Module) -> Any:
    return product.linear.irreps_out  # type: ignore[union-attr]


def _nequip_irreps(layer: nn.Module) -> Any:
    return layer.irreps_out["node_features"]  # type: ignore[index]


def _schnet_width(block: nn.Module) -> str:
    return f"{block.lin.out_features}x0e"  # type: ignore[union-attr]


def _visnet_width(block: nn.Module) -> str:
    return f"{block.hidden_channels}x0e"


def _mace_graphs(data: Mapping[str, Any], *args: Any, **kwargs: Any) -> int:
    """B from a shape, so that the host need not wait for the device."""
    return int(data["ptr"].shape[0]) - 1


_DENSE = {"at": "layers.*.1", "output": 1, "points": "coors", "features": 0, "batch": "mask"}
_GCL = {"at": "gcl_*", "output": 1, "points": "x", "features": 0}
_SIZE = {"batch": "nodes per graph, a Graph, or None for one graph: forward is not told"}
_OFFICIAL = "github.com/vgsatorras/egnn, e9ca6c0"

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                "egnn-official",
                "models.egnn_clean.EGNN",
                _OFFICIAL,
                _GCL,
                _SIZE,
                "points after each layer",
            ),
            Recipe(
                "egnn-official-vel",
                "n_body_system.model.EGNN_vel",
                _OFFICIAL,
                {**_GCL, "velocities": "vel"},
                _SIZE,
                "points after each layer",
            ),
            Recipe(
                "egnn-official-vel-update",
                "n_body_system.model.EGNN_vel",
                _OFFICIAL,
                {**_GCL, "velocities": "vel", "on": "1o", "update_of": "coord", "last": True},
                _SIZE,
                "what each layer adds to the points, for norms of displacements",
            ),
            Recipe(
                "egnn-pytorch",
                "egnn_pytorch.EGNN_Network",
                "egnn-pytorch 0.2.8",
                _DENSE,
                notes="points after each layer; dense layout (B, n, 3), with or without mask",
            ),
            Recipe(
                "egnn-pytorch-sparse",
                "egnn_pytorch.EGNN_Sparse_Network",
                "egnn-pytorch 0.2.8",
                {
                    "at": "mpnn_layers.*",
                    "output": slice(0, 3),
                    "points": ("x", slice(0, 3)),
                    "features": slice(3, None),
                    "batch": "batch",
                },
                notes="points after each layer: the first three columns of its output",
            ),
            Recipe(
                "pyg-schnet",
                "torch_geometric.nn.SchNet",
                "torch-geometric 2.8.1",
                {"at": "interactions.*", "on": _schnet_width, "batch": "batch", "last": True},
                notes="what each interaction adds to the scalar features",
            ),
            Recipe(
                "pyg-visnet",
                "torch_geometric.nn.ViSNet",
                "torch-geometric 2.8.1",
                {
                    "at": "representation_model.vis_mp_layers.*",
                    "output": 0,
                    "on": _visnet_width,
                    "batch": "batch",
                    "last": True,
                },
                notes="what each layer adds to the scalar features",
            ),
            Recipe(
                "e3nn-v2106",
                "e3nn.nn.models.v2106.gate_points_networks.SimpleNetwork",
                "e3nn 0.6.0",
                {"at": "mp.layers.*", "on": _convolution_irreps, "batch": "data.batch"},
                notes="features after each convolution and gate",
            ),
            Recipe(
                "nequip",
                "nequip.model.NequIPGNNModel",
                "nequip 0.19.1",
                {
                    "at": "**.layer*_convnet",
                    "output": "node_features",
                    "on": _nequip_irreps,
                    "batch": "data.batch",
                },
                notes="features after each interaction",
            ),
            Recipe(
                "mace",
                "mace.modules.MACE",
                "mace-torch 0.3.16",
                {
                    "at": "products.*",
                    "on": _product_irreps,
                    "batch": "data.batch",
                    "num_graphs": _mace_graphs,
                },
                notes="features after each product basis",
            ),
        )
    }
)


def recipe(name: str, **changes: Any) -> dict[str, Any]:
    """Keywords for :func:`eqnorm_adapters.attach`, with changes.

    Args:
        name: one of ``RECIPES``.
        **changes: keywords to add or replace.

    Raises:
        ValueError: the name is unknown, or a keyword is missing that the recipe cannot know.

    Example:
        >>> recipe("mace", at="products.0")["at"]
        'products.0'
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name.lower(), RECIPES, n=2, cutoff=0.4)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ";"
        raise ValueError(f"unknown recipe {name!r}{hint} choose from {', '.join(RECIPES)}")
    found = RECIPES[name]
    for key, what in found.missing.items():
        if key not in changes:
            raise ValueError(f"recipe({name!r}) needs {key}=: {what}")
    return {**found.keywords, **changes}

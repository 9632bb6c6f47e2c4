"""Weights of the official EGNN code (github.com/vgsatorras/egnn) in `egnn` and `egnn_vel`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from eqnorm import create_model
from eqnorm_adapters._egnn.stack import EGNNStack

_LAYER = re.compile(r"gcl_(\d+)\.(.+)")
_ACTIVATIONS = {
    nn.SiLU: "silu",
    nn.ReLU: "relu",
    nn.GELU: "gelu",
    nn.Softplus: "softplus",
    nn.Tanh: "tanh",
}


def load_official_state_dict(model: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Load a state dict of the official EGNN modules.

    Those are ``EGNN`` and ``EGNN_vel`` of ``n_body_system/model.py`` and ``EGNN`` of
    ``models/egnn_clean``; their outputs and gradients come out the same. Norms in the slots of
    the model keep their values. Either everything is loaded or nothing.

    A state dict does not say everything; what it leaves open must be given to
    :func:`eqnorm.create_model`:

    * ``residual``: ``recurrent`` of the official ``EGNN_vel`` (default False; its N-body script
      passes True); True in both ``EGNN`` unless ``residual=False`` was passed.
    * ``activation``: ``"leaky_relu"`` is the default of the N-body ``EGNN``, ``"silu"`` that of
      the others.
    * ``tanh``, ``coords_weight``: as there.
    * ``edge_norm="enf"``: for ``norm_diff=True``. The ``normalize=True`` of ``egnn_clean``,
      which stops gradients, has no counterpart.

    Args:
        model: an ``egnn`` or ``egnn_vel``.
        state_dict: of the official module, also with the prefix of ``nn.DataParallel``.

    Raises:
        TypeError: the model is of another kind, or ``state_dict`` is no mapping.
        ValueError: the state dict is not of these modules or of another size.

    Example:
        >>> import torch, eqnorm, eqnorm_adapters
        >>> model = eqnorm.create_model("egnn_vel", hidden=8, layers=1, residual=True)
        >>> official = {  # as torch.load would give it
        ...     name.replace("layers.0", "gcl_0"): torch.zeros_like(value)
        ...     for name, value in model.state_dict().items()
        ... }
        >>> eqnorm_adapters.load_official_state_dict(model, official)
        >>> float(model.embedding.weight.detach().abs().max())
        0.0
    """
    if not isinstance(model, EGNNStack):
        raise TypeError(
            "model must be an 'egnn' or 'egnn_vel' of eqnorm.create_model, "
            f"got {type(model).__name__}"
        )
    renamed = _renamed(state_dict)
    ours = model.state_dict()
    slots = {name for name in ours if re.search(r"(^|\.)(\w+_)?norm\.", name)}
    unknown, missing = sorted(set(renamed) - set(ours)), sorted(set(ours) - slots - set(renamed))
    shapes = [name for name in renamed if name in ours and renamed[name].shape != ours[name].shape]
    if not unknown and not missing and not shapes:
        model.load_state_dict(renamed, strict=False)
        return
    problems = _differing_options(model, renamed) or [
        *(f"it has {name}, which the model lacks" for name in unknown[:3]),
        *(f"it lacks {name}" for name in missing[:3]),
        *(
            f"its {name} has shape {tuple(renamed[name].shape)}, "
            f"the model's {tuple(ours[name].shape)}"
            for name in shapes[:3]
        ),
    ]
    raise ValueError(f"the state dict does not fit the model: {'; '.join(problems)}")


def from_official(official: nn.Module, **options: Any) -> nn.Module:
    """An ``egnn`` or ``egnn_vel`` with the options and weights of an official module.

    Args:
        official: an instance of one of the modules named at :func:`load_official_state_dict`.
        **options: further options for :func:`eqnorm.create_model`, such as norms.

    Raises:
        TypeError: ``official`` is not such a module.
        ValueError: it uses what has no counterpart here.
    """
    layer = getattr(official, "gcl_0", None)
    if not isinstance(official, nn.Module) or not isinstance(layer, nn.Module):
        raise TypeError(
            "official must be an EGNN or EGNN_vel module of github.com/vgsatorras/egnn, with "
            f"layers gcl_0, gcl_1, ...; got {type(official).__name__}"
        )
    if getattr(layer, "normalize", False):
        raise ValueError(
            "normalize=True of the official egnn_clean stops the gradient of lengths, which has "
            "no counterpart here; edge_norm='unit' has nearly its values"
        )
    state_dict = official.state_dict()
    renamed = _renamed(state_dict)
    activation = layer.get_submodule("edge_mlp.1")
    if isinstance(activation, nn.LeakyReLU) and activation.negative_slope == 0.2:
        name = "leaky_relu"
    elif type(activation) in _ACTIVATIONS:
        name = _ACTIVATIONS[type(activation)]
    else:
        raise ValueError(f"the official module's activation {activation} has no counterpart here")
    seen = {
        "residual": bool(getattr(layer, "recurrent", getattr(layer, "residual", True))),
        "tanh": bool(getattr(layer, "tanh", False)),
        "coords_weight": float(getattr(layer, "coords_weight", 1.0)),
        "coord_aggregation": getattr(layer, "coords_agg", "mean"),
        "edge_norm": "enf" if getattr(layer, "norm_diff", False) else None,
        "activation": name,
        **_sizes(renamed),
    }
    kind = "egnn_vel" if _has_velocities(renamed) else "egnn"
    model = create_model(kind, **{**seen, **options})
    model.to(next(official.parameters()))
    load_official_state_dict(model, state_dict)
    return model


def _renamed(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Official names to ours; unknown ones are kept."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"state_dict must be a mapping of names to tensors, got {type(state_dict).__name__}; "
            "use module.state_dict()"
        )
    names = {name: str(name).removeprefix("module.") for name in state_dict}
    for needed in ("edge_mlp.0", "edge_mlp.2", "node_mlp.0", "node_mlp.2", "coord_mlp.0"):
        if f"gcl_0.{needed}.weight" not in names.values():
            raise ValueError(
                f"the state dict lacks gcl_0.{needed}.weight, and so is not of an official EGNN; "
                f"its first names are {', '.join(sorted(names.values())[:3]) or 'none'}"
            )
    renamed = {}
    for given, name in names.items():
        name = re.sub(r"^embedding_in\.", "embedding.", name)
        renamed[_LAYER.sub(r"layers.\1.\2", name)] = state_dict[given]
    return renamed


def _has_velocities(renamed: Mapping[str, Tensor]) -> bool:
    return any(".coord_mlp_vel." in name for name in renamed)


def _sizes(renamed: Mapping[str, Tensor]) -> dict[str, Any]:
    """The options that the shapes and names of parameters show; names as in our state dict."""
    hidden, inputs = renamed["layers.0.edge_mlp.0.weight"].shape
    layers = {int(name.split(".")[1]) for name in renamed if name.startswith("layers.")}
    sizes: dict[str, Any] = {
        "hidden": hidden,
        "layers": max(layers) + 1,
        "edge_dim": inputs - 2 * hidden - 1,
        "attention": "layers.0.att_mlp.0.weight" in renamed,
    }
    if "embedding.weight" in renamed:
        sizes["node_dim"] = renamed["embedding.weight"].shape[1]
    if not _has_velocities(renamed):
        out = renamed.get("embedding_out.weight")
        sizes["out_dim"] = None if out is None else out.shape[0]
    return sizes


def _differing_options(model: EGNNStack, renamed: Mapping[str, Tensor]) -> list[str]:
    """What to change in `create_model`, in words."""
    ours = model.state_dict()
    if _has_velocities(renamed) != _has_velocities(ours):
        kind = "egnn_vel" if _has_velocities(renamed) else "egnn"
        has = "has" if _has_velocities(renamed) else "has no"
        return [f"it {has} velocity networks (coord_mlp_vel): use create_model({kind!r}, ...)"]
    theirs, own = _sizes(renamed), _sizes(ours)
    return [
        f"it has {name}={value}, the model {name}={own.get(name)}: "
        f"use create_model(..., {name}={value})"
        for name, value in theirs.items()
        if own.get(name) != value
    ]

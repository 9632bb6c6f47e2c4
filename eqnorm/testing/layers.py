"""Which layer breaks the symmetry? Every submodule's output, compared under one motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.testing import measure, neighbors, transforms
from eqnorm.testing.build import build
from eqnorm.testing.cases import Case, Motion
from eqnorm.testing.declare import match_signature, parse_inputs
from eqnorm.testing.layer_alone import Alone, graphs_alone
from eqnorm.testing.layer_report import AuditReport, LayerAudit
from eqnorm.testing.layer_types import LayerError, layer_error
from eqnorm.testing.structure import Structure
from eqnorm.testing.subject import Subject, cast, default_dtype
from eqnorm.testing.tolerances import TOLERANCES, unit_roundoff

AUDIT_CASE = Case((9, 7), scale=2.0, seed=5)
AUDIT_MOTION = Motion("generic", True, 3.0, True, 6)


def audit(
    model: nn.Module,
    *,
    inputs: Mapping[str, Any],
    group: SymmetryLike = "SE3",
    permutation: bool = True,
    independence: bool = True,
    types: Mapping[str, str] | None = None,
    sample: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    seed: int = 0,
) -> AuditReport:
    """Walk the submodules and find the first whose output breaks the symmetry.

    Hidden outputs have no declared type. Each is compared as invariants, as points, as vectors,
    as the irreps that the module states (``irreps_out``) or that ``types`` gives; failing these,
    irreps are read off column by column.

    Args:
        model: the module; a copy is run.
        inputs: as for :func:`eqnorm.testing.assert_equivariant`.
        group: the geometric symmetries.
        permutation: relabel nodes and edges too.
        independence: move each graph of the batch its own way, and look at each alone too: a
            layer that mixes invariants of different graphs shows only there.
        types: submodule names to types.
        sample: concrete arguments; None to draw a batch of two graphs.
        dtype: of the drawn arguments.
        device: to run on.
        seed: of the drawn arguments.

    Returns:
        A report; ``report.first`` is the culprit, ``print(report)`` a table with the error and
        the activation scale of every layer.

    Raises:
        TypeError: ``model`` is no module, or ``inputs`` does not match its signature.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"audit walks the submodules of an nn.Module, got {type(model).__name__}; use "
            "equivariance_report for functions"
        )
    slots = parse_inputs(inputs)
    by_name = match_signature(model, slots)
    subject = Subject(model, slots, (), dtype, str(device), by_name)
    case = Case(AUDIT_CASE.sizes, scale=AUDIT_CASE.scale, seed=AUDIT_CASE.seed + seed)
    drawn = build(case, slots, dtype, str(device)) if sample is None else {}
    arguments = cast({**drawn, **(sample or {})}, torch.float64)
    symmetry = Symmetry.parse(group)
    motion = Motion(
        AUDIT_MOTION.rotation if Symmetry.ROTATION in symmetry else "none",
        Symmetry.REFLECTION in symmetry,
        AUDIT_MOTION.shift if Symmetry.TRANSLATION in symmetry else 0.0,
        permutation,
        AUDIT_MOTION.seed + seed,
    )
    structure = subject.structure(arguments)
    move = transforms.make_move(motion, structure, slots, independence, arguments)
    here = _record(subject, arguments)
    there = dict(_record(subject, move.arguments(arguments, slots)))
    size = measure.extent(measure.positions(arguments, slots), structure)
    near = dict(
        _record(subject, neighbors.displaced(arguments, slots, TOLERANCES.probe, size.size, 1))
    )
    alone, note = _each_alone(subject, arguments, structure, independence)
    layers = []
    for key, value in here:
        if key not in there or there[key].shape != value.shape:
            continue
        name = key.rsplit(":", 1)[0]
        module = subject.model(torch.float64).get_submodule(name.split("#")[0])  # type: ignore[attr-defined]
        stated = (types or {}).get(name) or getattr(module, "irreps_out", None)
        found = layer_error(value, there[key], move, stated, size.size)
        apart = alone.error(key, value, found.kind == "points")
        layers.append(_layer(name, module, value, near.get(key, value), found, apart, size))
    return AuditReport(tuple(layers), note)


def _each_alone(
    subject: Subject, arguments: dict[str, Any], structure: Structure, wanted: bool
) -> tuple[Alone, str]:
    """What layers put out for each graph alone; or why that could not be looked at."""
    parts = graphs_alone(arguments, subject.slots, structure) if wanted else []
    try:
        return Alone(structure, tuple(dict(_record(subject, part)) for part in parts)), ""
    except Exception as error:  # a model for batches of one size only
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return Alone(structure, ()), f"graphs were not looked at alone: the model raises {said}"


def _layer(
    name: str,
    module: nn.Module,
    value: Tensor,
    near: Tensor,
    found: LayerError,
    alone: float,
    size: measure.Extent,
) -> LayerAudit:
    scale = float(value.square().mean().sqrt()) if value.numel() else 0.0
    change = float((near - value).norm() / value.norm()) if scale else 0.0
    kappa = max(1.0, change / TOLERANCES.probe)
    unit = TOLERANCES.constant * size.stretch
    # Constants in float32 are common in hidden layers, and no fault of the layer's.
    limit = max(unit * kappa * unit_roundoff(torch.float64), unit * unit_roundoff(torch.float32))
    return LayerAudit(
        name or type(module).__name__,
        type(module).__name__,
        tuple(value.shape),
        found.kind,
        found.error,
        limit,
        scale,
        alone,
    )


def _record(subject: Subject, arguments: dict[str, Any]) -> list[tuple[str, Tensor]]:
    """All tensors that submodules return, in the order in which they finish."""
    model = subject.new(torch.float64)
    assert isinstance(model, nn.Module)
    seen: list[tuple[str, Tensor]] = []
    calls: dict[str, int] = {}

    def watch(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            calls[name] = calls.get(name, 0) + 1
            again = f"#{calls[name]}" if calls[name] > 1 else ""
            for number, value in enumerate(tree_flatten(output)[0]):
                if isinstance(value, Tensor) and value.is_floating_point():
                    seen.append((f"{name}{again}:{number}", value.detach().clone()))

        return hook

    for name, module in model.named_modules():
        if not isinstance(module, torch.jit.ScriptModule):
            module.register_forward_hook(watch(name))
    with default_dtype(torch.float64), torch.no_grad():
        subject.run(cast(arguments, torch.float64), model)
    return seen

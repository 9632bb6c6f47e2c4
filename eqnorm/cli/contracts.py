"""A module held to its contract, in both directions, with `eqnorm.testing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from eqnorm.cli.listing import SYMMETRIES, contract
from eqnorm.registry import contract_of
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.symmetry import Symmetry
from eqnorm.testing import Finding, equivariance_report, find_violation, randomize_parameters


@dataclass(frozen=True)
class Effort:
    """How hard the checker looks, and in which arithmetic.

    Attributes:
        dtype: of the module.
        device: of the module.
        examples: number of inputs drawn.
        seed: of the search and of the module's parameters.
        gradients: whether gradients are checked too.
    """

    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    examples: int = 100
    seed: int = 0
    gradients: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """For the functions of `eqnorm.testing`."""
        return {
            "dtype": self.dtype,
            "device": self.device,
            "max_examples": self.examples,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Outcome:
    """One symmetry of one module.

    Attributes:
        name: "rotation", "reflection", "translation" or "permutation".
        declared: whether the module is to have it.
        holds: whether no violation was found.
        error: relative error of the violation; where it holds, the largest one of all symmetries
            together, None where the search noted none.
        limit: what rounding explains, where a violation was found.
        counterexample: how to see the violation again.
    """

    name: str
    declared: bool
    holds: bool
    error: float | None
    limit: float | None = None
    counterexample: str = ""

    @property
    def ok(self) -> bool:
        """Whether the declaration is right."""
        return self.declared == self.holds


@dataclass(frozen=True)
class Verdict:
    """What was found of one module.

    Attributes:
        subject: what was checked.
        outcomes: one for each symmetry.
        faults: findings of other kinds (NaN, state, mutation, ...): a name and a message each.
        warnings: likewise, of what breaks no promise.
    """

    subject: str
    outcomes: list[Outcome]
    faults: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the module is what its contract says."""
        return not self.faults and all(outcome.ok for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        outcomes = [{**asdict(o), "ok": o.ok} for o in self.outcomes]
        return {
            "subject": self.subject,
            "ok": self.ok,
            "symmetries": outcomes,
            "faults": self.faults,
            "warnings": self.warnings,
        }


def check(
    fn: Callable[..., Any],
    subject: str,
    inputs: Mapping[str, Any],
    output: Any,
    declared: Mapping[str, bool],
    effort: Effort,
    independence: bool = True,
) -> Verdict:
    """Confirm what is declared, find a violation of what is declared absent.

    Args:
        fn: the module or function.
        subject: what to call it.
        inputs: types of its arguments, for `eqnorm.testing`.
        output: type of what it returns.
        declared: symmetries to check, and whether it is to have them.
        effort: how hard to look.
        independence: whether the graphs of a batch must not see one another.
    """
    common = {"inputs": inputs, "output": output, **effort.options}
    report = equivariance_report(
        fn,
        group=group_of(declared),
        permutation=declared.get("permutation", False),
        independence=independence,
        gradients=effort.gradients,
        **common,
    )
    found: dict[str, Finding] = {finding.name: finding for finding in report.violations}
    for name in (name for name, wanted in declared.items() if not wanted):
        alone = find_violation(
            fn,
            names=name,
            group=SYMMETRIES.get(name, Symmetry.NONE),
            permutation=name == "permutation",
            independence=False,
            gradients=False,
            **common,
        )
        if alone is not None:
            found[name] = alone
    outcomes = [
        _outcome(name, wanted, found.pop(name, None), report.error)
        for name, wanted in declared.items()
    ]
    return Verdict(
        subject,
        outcomes,
        faults={name: finding.message for name, finding in found.items()},
        warnings={finding.name: finding.message for finding in report.warnings},
    )


def group_of(declared: Mapping[str, bool]) -> Symmetry:
    """The geometric symmetries that are declared present."""
    symmetry = Symmetry.NONE
    for name, flag in SYMMETRIES.items():
        if declared.get(name):
            symmetry |= flag
    return symmetry


def declared_by(
    module: torch.nn.Module, fallback: NormSpec | BackboneSpec, on: str = "points"
) -> tuple[dict[str, bool], bool]:
    """A module's declared symmetries as built, and whether its graphs are independent."""
    spec = contract_of(module) or fallback
    scopes = [found.scope for part in module.modules() if (found := _norm(part)) is not None]
    return contract(spec, on), "batch" not in scopes


def prepared(module: torch.nn.Module, effort: Effort) -> torch.nn.Module:
    """With random parameters, in the arithmetic asked for."""
    randomize_parameters(module, seed=effort.seed)
    return module.to(device=effort.device, dtype=effort.dtype).eval()


def _outcome(name: str, declared: bool, finding: Finding | None, largest: float) -> Outcome:
    if finding is None:
        return Outcome(name, declared, True, largest or None)
    return Outcome(name, declared, False, finding.error, finding.limit, finding.code)


def _norm(module: torch.nn.Module) -> NormSpec | None:
    found = contract_of(module)
    return found if isinstance(found, NormSpec) else None

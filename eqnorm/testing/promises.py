"""The contract of every registered norm and model, as tests, in both directions."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from eqnorm import registry
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.symmetry import Symmetry
from eqnorm.testing.assertions import find_violation
from eqnorm.testing.check import equivariance_report
from eqnorm.testing.registered import build_subject, types_served
from eqnorm.testing.report import EquivarianceError, Report

SYMMETRIES = ("rotation", "reflection", "translation", "permutation", "independence")
SOUND = "sound"
DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Contract:
    """One promise of one norm or model: a symmetry that is declared, or declared absent.

    Attributes:
        what: ``"norm"`` or ``"model"``.
        name: in the registry.
        on: type the norm is built for; "" for models.
        promise: name of a symmetry, or ``"sound"`` for all other checks.
        declared: whether it is to hold; else a violation must be found.
        dtype: to check in.
        device: to check on.
        training: in train mode.
    """

    what: str
    name: str
    on: str
    promise: str
    declared: bool
    dtype: torch.dtype
    device: str
    training: bool = False

    def __str__(self) -> str:
        promise = self.promise if self.declared else f"not_{self.promise}"
        mode = ["train"] if self.training else []
        on = [self.on] if self.on else []
        dtype = str(self.dtype).removeprefix("torch.")
        return "-".join([self.name, *on, promise, *mode, dtype, self.device])

    def check(self, max_examples: int = 36, seed: int = 0) -> None:
        """Hold the norm or model to this promise.

        Raises:
            EquivarianceError: a violation of a declared symmetry was found.
            AssertionError: no violation of one declared absent was found.
        """
        subject = (self.what, self.name, self.on, self.dtype, self.device, self.training)
        if self.declared:
            report = _report(*subject, max_examples, seed, _factory(self.what, self.name, self.on))
            broken = [f for f in report.violations if _belongs(f.name, self.promise)]
            if broken:
                raise EquivarianceError(report)
            return
        module, declaration = build_subject(self.what, self.name, self.on, self.training)
        group = {"permutation": "none", "independence": "none"}.get(self.promise, self.promise)
        declaration.update(
            group=group,
            permutation=self.promise == "permutation",
            independence=self.promise == "independence",
            gradients=False,
        )
        found = find_violation(
            module,
            names=self.promise,
            dtype=self.dtype,
            device=self.device,
            max_examples=max_examples,
            seed=seed,
            **declaration,
        )
        if found is None:
            raise AssertionError(
                f"{self.name} is declared not to have {self.promise}, but no violation was found "
                f"in {max_examples} examples; declare the symmetry if it holds"
            )


def contracts(
    pattern: str = "*",
    *,
    norms: bool = True,
    models: bool = True,
    dtypes: Iterable[torch.dtype] = DTYPES,
    devices: Iterable[str] | None = None,
) -> list[Contract]:
    """All promises of the registered norms and models.

    Args:
        pattern: names, shell-style, e.g. ``"my-norm"`` or ``"*rms*"``.
        norms: include norms.
        models: include models.
        dtypes: to check in.
        devices: to check on; None for the CPU, and CUDA where there is one.
    """
    if devices is None:
        devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    places = [(dtype, device) for device in devices for dtype in dtypes]
    subjects: list[tuple[str, str, str, NormSpec | BackboneSpec]] = []
    if norms:
        for norm in registry.norm_specs(pattern):
            subjects += [("norm", norm.name, on, norm) for on in types_served(norm)]
    if models:
        for name in registry.list_models(pattern):
            subjects.append(("model", name, "", registry.model_spec(name)))
    found = []
    for what, name, on, spec in subjects:
        module, _ = build_subject(what, name, on, False)
        refined = registry.contract_of(module) or spec
        modes = (False, True) if getattr(spec, "scope", "") == "batch" else (False,)
        for training in modes:
            for promise, declared in promises(refined, on, training):
                found += [
                    Contract(what, name, on, promise, declared, dtype, device, training)
                    for dtype, device in places
                ]
    return found


def promises(
    spec: NormSpec | BackboneSpec, on: str, training: bool = False
) -> list[tuple[str, bool]]:
    """Names of symmetries, and whether each is declared or declared absent."""
    pairs = [
        ("rotation", Symmetry.ROTATION in spec.equivariant_to),
        ("reflection", Symmetry.REFLECTION in spec.equivariant_to),
    ]
    if on in ("", "points"):
        pairs.append(("translation", Symmetry.TRANSLATION in spec.equivariant_to))
    pairs.append(("permutation", spec.permutation))
    mixes = isinstance(spec, NormSpec) and spec.scope == "batch"
    if not mixes or training:
        pairs.append(("independence", not mixes))
    return [*pairs, (SOUND, True)]


@functools.lru_cache(maxsize=64)
def _report(
    what: str,
    name: str,
    on: str,
    dtype: torch.dtype,
    device: str,
    training: bool,
    max_examples: int,
    seed: int,
    factory: Any,
) -> Report:
    """One report serves all promises of a subject that are to hold.

    The factory is there to be told apart: a name may come to stand for another class.
    """
    module, declaration = build_subject(what, name, on, training)
    return equivariance_report(
        module, dtype=dtype, device=device, max_examples=max_examples, seed=seed, **declaration
    )


def _factory(what: str, name: str, on: str) -> Any:
    spec = registry.norm_spec(name, on) if what == "norm" else registry.model_spec(name)
    return spec.factory


def _belongs(finding: str, promise: str) -> bool:
    return finding == promise or (promise == SOUND and finding not in SYMMETRIES)

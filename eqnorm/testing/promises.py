"""The contract of every registered norm and model, as tests, in both directions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eqnorm import registry
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.symmetry import Symmetry
from eqnorm.testing.check import equivariance_report, find_violation
from eqnorm.testing.randomize import randomize_parameters
from eqnorm.testing.report import EquivarianceError, Report

# Irreps that a norm on "irreps" is tried with; some serve certain ones only.
IRREPS = ("8x0e+4x1o+2x2e", "4x0e+3x0o+2x1e+3x1o", "4x0e+3x1o", "3x1o", "6x0e")
H_DIM = 4
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


def types_served(spec: NormSpec) -> list[str]:
    """The types a norm is tested on: its own, or for ``"irreps"`` two of ``IRREPS``."""
    if spec.on != "irreps":
        return [spec.on]
    served = []
    for on in IRREPS:
        try:
            build_subject("norm", spec.name, on, False)
        except ValueError:
            continue
        served.append(on)
    return served[:2]


def build_subject(
    what: str, name: str, on: str, training: bool
) -> tuple[nn.Module, dict[str, Any]]:
    """A norm or model with random parameters, and how to declare it to the checker."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, declaration = _norm(name, on) if what == "norm" else _model(name)
    return randomize_parameters(module).train(training), declaration


def _norm(name: str, on: str) -> tuple[nn.Module, dict[str, Any]]:
    spec = registry.norm_spec(name, on)
    options = {"h_dim": H_DIM} if "h_dim" in spec.options else {}
    types = {"x0": "points", "v": "1o", "h": f"{H_DIM}x0e"}
    used = {key: types[key] for key in (*spec.needs, *spec.optional)}
    inputs = {"x": on, "graph": "graph", **used}
    module = registry.create_norm(name, on=on, **options)
    refined = registry.contract_of(module) or spec
    return module, _declaration(refined, inputs, on, getattr(refined, "scope", "") != "batch")


def _model(name: str) -> tuple[nn.Module, dict[str, Any]]:
    spec = registry.model_spec(name)
    hidden = 8 if spec.features == "scalars" else "8x0e+4x1o"
    module = registry.create_model(name, hidden=hidden, layers=2, node_dim=2, edge_dim=1)
    inputs = {"x": "points", "graph": "graph", "h": "2x0e", "edge_attr": "edge:1x0e"}
    if spec.velocities:
        inputs["v"] = "1o"
    features = f"{hidden}x0e" if isinstance(hidden, int) else hidden
    output = {"x": "points", "h": features, "v": "1o" if spec.velocities else None}
    return module, _declaration(registry.contract_of(module) or spec, inputs, output, True)


def _declaration(
    spec: NormSpec | BackboneSpec, inputs: dict[str, str], output: Any, apart: bool
) -> dict[str, Any]:
    return {
        "inputs": inputs,
        "output": output,
        "group": spec.equivariant_to,
        "permutation": spec.permutation,
        "independence": apart,
    }


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


def parametrize_contracts(pattern: str = "*", **options: Any) -> Callable[..., Any]:
    """Decorator: run a test once for each promise, as its argument ``contract``.

    Args:
        pattern: names, shell-style.
        **options: those of :func:`contracts`.

    Example:
        In a test module of a package that registers ``"my-norm"``::

            @parametrize_contracts("my-norm")
            def test_contract(contract):
                contract.check()
    """
    import pytest

    cases = contracts(pattern, **options)
    if not cases:
        raise ValueError(f"no registered name matches {pattern!r}; import its module first")
    return pytest.mark.parametrize("contract", cases, ids=[str(case) for case in cases])


def contract_tests(pattern: str = "*", **options: Any) -> Callable[..., None]:
    """A test of all promises; one line of a test module, ``test_it = ...("my-norm")``."""

    def test_contract(contract: Contract) -> None:
        contract.check()

    test: Callable[..., None] = parametrize_contracts(pattern, **options)(test_contract)
    return test

"""The tables of `eqnorm norms` and `eqnorm models`, and the same as JSON."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from eqnorm import BackboneSpec, NormSpec, Symmetry
from eqnorm.cli.console import table

SYMMETRIES = {
    "rotation": Symmetry.ROTATION,
    "reflection": Symmetry.REFLECTION,
    "translation": Symmetry.TRANSLATION,
}
YES, NO = "[green]✓[/]", "[red]✗[/]"


def contract(spec: NormSpec | BackboneSpec, on: str = "points") -> dict[str, bool]:
    """Declared symmetries by name; translations only where something can see them."""
    found = {name: symmetry in spec.equivariant_to for name, symmetry in SYMMETRIES.items()}
    if on != "points":
        del found["translation"]
    return {**found, "permutation": spec.permutation}


def norms_table(specs: list[NormSpec]) -> Table:
    """One row per norm and type."""
    made = table(
        "norm", "on", "rot", "refl", "trans", "perm", "scope", "needs", "what and where from"
    )
    for spec in specs:
        made.add_row(
            f"[bold]{escape(spec.name)}[/]",
            spec.on,
            *_marks(contract(spec, spec.on)),
            spec.scope,
            ", ".join([*spec.needs, *(f"({name})" for name in spec.optional)]) or "-",
            _about(spec),
        )
    return made


def models_table(specs: list[BackboneSpec]) -> Table:
    """One row per backbone."""
    made = table("model", "rot", "refl", "trans", "perm", "features", "v", "what and where from")
    for spec in specs:
        made.add_row(
            f"[bold]{escape(spec.name)}[/]",
            *_marks(contract(spec)),
            spec.features,
            "uses" if spec.velocities else "-",
            _about(spec),
        )
    return made


def as_json(spec: NormSpec | BackboneSpec) -> dict[str, Any]:
    """A spec as JSON values."""
    record: dict[str, Any] = {
        "name": spec.name,
        "aliases": list(spec.aliases),
        "group": spec.equivariant_to.label,
        "equivariant_to": [
            name for name, symmetry in SYMMETRIES.items() if symmetry in spec.equivariant_to
        ],
        "permutation": spec.permutation,
        "summary": spec.summary,
        "source": spec.source,
        "options": list(spec.options),
    }
    if isinstance(spec, NormSpec):
        record |= {
            "on": spec.on,
            "scope": spec.scope,
            "needs": list(spec.needs),
            "optional": list(spec.optional),
            "periodic": spec.periodic,
            "notes": spec.notes,
        }
    else:
        record |= {
            "features": spec.features,
            "velocities": spec.velocities,
            "periodic": spec.periodic,
        }
    return record


def _marks(declared: dict[str, bool]) -> list[str]:
    names = (*SYMMETRIES, "permutation")
    return [{True: YES, False: NO, None: "-"}[declared.get(name)] for name in names]


def _about(spec: NormSpec | BackboneSpec) -> str:
    also = f" [dim](also {escape(', '.join(spec.aliases))})[/]" if spec.aliases else ""
    source = f"\n[dim]{escape(spec.source)}[/]" if spec.source not in ("", "-") else ""
    return f"{escape(spec.summary)}{also}{source}"

"""Verdicts shown: one as a table, those of every pair as a matrix, all of them as JSON."""

from __future__ import annotations

import math
from typing import Any

import typer
from rich.markup import escape
from rich.progress import Progress

import eqnorm
from eqnorm.cli import subjects
from eqnorm.cli.console import VIOLATION, err, out, print_json, table
from eqnorm.cli.contracts import Effort, Outcome, Verdict
from eqnorm.cli.listing import NO, YES

LETTERS = {"rotation": "R", "reflection": "M", "translation": "T", "permutation": "P"}


def show(verdict: Verdict, effort: Effort, demanded: bool) -> None:
    """Print one verdict as a table.

    Args:
        verdict: what was found.
        effort: how it was looked for.
        demanded: the symmetries were asked for by the user, not declared by a contract.
    """
    console = out()
    made = table(
        "symmetry", "asked for" if demanded else "declared", "found", "error", "allowed", ""
    )
    for outcome in verdict.outcomes:
        made.add_row(
            outcome.name,
            YES if outcome.declared else NO,
            YES if outcome.holds else NO,
            _error(outcome),
            "-" if outcome.limit is None else f"{outcome.limit:.1e}",
            _word(outcome),
        )
    dtype = str(effort.dtype).removeprefix("torch.")
    console.print(
        f"[bold]{escape(verdict.subject)}[/] [dim]{dtype} on {effort.device}, "
        f"{effort.examples} inputs, seed {effort.seed}[/]"
    )
    console.print(made)
    for name, message in verdict.faults.items():
        console.print(f"[red]{escape(name)}[/]: {escape(message)}", soft_wrap=True)
    for name, message in verdict.warnings.items():
        console.print(f"[yellow]warning, {escape(name)}[/]: {escape(message)}", soft_wrap=True)
    for outcome in verdict.outcomes:
        if not outcome.ok and outcome.counterexample:
            console.print(f"\n[bold]to see the violation of {outcome.name} again:[/]")
            console.print(escape(outcome.counterexample), soft_wrap=True)
    good = "as asked for" if demanded else "as declared"
    console.print(f"[green]{good}[/]" if verdict.ok else f"[red]not {good}[/]")


def plain(verdict: Verdict, effort: Effort) -> dict[str, Any]:
    """A verdict as JSON values, with how it was found."""
    record: dict[str, Any] = _finite(verdict.to_dict())
    return record | {
        "dtype": str(effort.dtype).removeprefix("torch."),
        "device": effort.device,
        "examples": effort.examples,
        "seed": effort.seed,
    }


def check_all(options: dict[str, Any], effort: Effort, as_json: bool) -> None:
    """Check every backbone with every norm on points, and with none.

    Raises:
        typer.Exit: with status 1 where a pair is not what it declares.
    """
    models = eqnorm.list_models()
    norms = ["none", *(name for name in eqnorm.list_norms(on="points") if name != "identity")]
    if not models:
        raise ValueError("no backbone is registered; is eqnorm-zoo installed? (pip install -e .)")
    found: dict[tuple[str, str], Verdict | str] = {}
    with Progress(console=err(), transient=True) as progress:
        task = progress.add_task("", total=len(models) * len(norms))
        for norm in norms:
            for model in models:
                progress.update(task, description=f"{model} with {norm}")
                found[norm, model] = _pair(model, norm, {**subjects.SMALL, **options}, effort)
                progress.advance(task)
    ok = all(isinstance(verdict, Verdict) and verdict.ok for verdict in found.values())
    if as_json:
        records = [
            plain(v, effort) if isinstance(v, Verdict) else {"subject": f"{m} norm={n}", "error": v}
            for (n, m), v in found.items()
        ]
        print_json({"ok": ok, "pairs": records})
    else:
        _show_matrix(found, models, norms, ok)
    if not ok:
        raise typer.Exit(VIOLATION)


def _pair(model: str, norm: str, options: dict[str, Any], effort: Effort) -> Verdict | str:
    try:
        chosen = options if norm == "none" else {**options, "norm": norm}
        return subjects.check_model(model, chosen, None, effort)
    except Exception as error:  # one pair that cannot be built must not hide the others
        return f"{type(error).__name__}: {error}"


def _show_matrix(
    found: dict[tuple[str, str], Verdict | str], models: list[str], norms: list[str], ok: bool
) -> None:
    console = out()
    made = table("norm", *models)
    for norm in norms:
        made.add_row(f"[bold]{norm}[/]", *(_cell(found[norm, model]) for model in models))
    console.print(made)
    console.print(
        "[dim]R rotation, M reflection (mirror), T translation, P permutation; ✓ holds, ✗ broken; "
        "! not as declared[/]"
    )
    for (norm, model), verdict in found.items():
        for line in _complaints(verdict):
            console.print(f"[red]{model} with {norm}[/]: {escape(line)}", soft_wrap=True)
    good = sum(isinstance(v, Verdict) and v.ok for v in found.values())
    colour = "green" if ok else "red"
    console.print(f"[{colour}]{good} of {len(found)} pairs are what they declare[/]")


def _cell(verdict: Verdict | str) -> str:
    if isinstance(verdict, str):
        return "[red]error[/]"
    marks = [
        f"{LETTERS[o.name]}{YES if o.holds else NO}{'' if o.ok else '[bold red]![/]'}"
        for o in verdict.outcomes
    ]
    return " ".join(marks) + (" [bold red]![/]" if verdict.faults else "")


def _complaints(verdict: Verdict | str) -> list[str]:
    if isinstance(verdict, str):
        return [verdict]
    lines = [f"{name}: {message}" for name, message in verdict.faults.items()]
    wrong = [outcome for outcome in verdict.outcomes if not outcome.ok]
    return lines + [f"{o.name}: {_word(o)}, error {_error(o)}" for o in wrong]


def _word(outcome: Outcome) -> str:
    if outcome.ok:
        return "confirmed" if outcome.declared else "violation found, as declared"
    return "VIOLATED" if outcome.declared else "NO VIOLATION FOUND"


def _error(outcome: Outcome) -> str:
    if outcome.error is None:
        return "-"
    return f"{'≤ ' if outcome.holds else ''}{outcome.error:.1e}"


def _finite(value: Any) -> Any:
    """NaN and Inf as text: JSON has no word for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value

"""`eqnorm check`: options read, the right subject checked, the verdict shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eqnorm.cli.console import VIOLATION, print_json

if TYPE_CHECKING:
    from eqnorm.cli.contracts import Effort

DTYPES = ("float32", "float64", "bfloat16", "float16")
QUICK, DEFAULT = 24, 100
Slot = Annotated[str | None, typer.Option(help="A norm for this slot.", rich_help_panel="Norms")]


def check(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A registered backbone; a norm, with --on; or module.path:builder.",
        ),
    ] = None,
    norm: Annotated[
        str | None,
        typer.Option(help="The norm on points after each layer.", rich_help_panel="Norms"),
    ] = None,
    update_norm: Slot = None,
    edge_norm: Slot = None,
    feature_norm: Slot = None,
    message_norm: Slot = None,
    norm_last: Annotated[
        bool,
        typer.Option("--norm-last", help="Also after the last layer.", rich_help_panel="Norms"),
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=VALUE",
            help="An option of the model (or norm).",
        ),
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="Check a norm by itself, on this type: points, 8x0e+4x1o.")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            help="Types of the arguments of your own module: "
            "pos=points,h=4x0e,edge_index=edge_index,batch=batch."
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Type of its result: points; a tuple: points,4x0e.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Symmetries it must have: SE3, E3, O3, rotation+translation. "
            "Default: the declared contract, in both directions."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every registered backbone with every norm on points.")
    ] = False,
    dtype: Annotated[str, typer.Option(help=f"{', '.join(DTYPES)}.")] = "float32",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Of parameters and inputs.")] = 0,
    examples: Annotated[
        int | None, typer.Option(min=1, help=f"Inputs to try; default {DEFAULT}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK} inputs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check which symmetries hold, and show a counterexample of those that do not.

    Exit status: 0 as it should be, 1 a violation was found (or a declared one was not),
    2 bad usage.
    """
    slots = {
        "norm": norm,
        "update_norm": update_norm,
        "edge_norm": edge_norm,
        "feature_norm": feature_norm,
        "message_norm": message_norm,
    }
    chosen = {slot: name for slot, name in slots.items() if name is not None}
    _check_usage(
        subject, every, on, inputs, output, {**chosen, **({"norm_last": 1} if norm_last else {})}
    )
    from eqnorm.cli import subjects, verdicts

    effort = _effort(dtype, device, seed, examples or (QUICK if quick else DEFAULT))
    asked = None if group is None else _asked(group)
    options = subjects.parse_options(option or [])
    if every:
        verdicts.check_all(options, effort, as_json=json)
        return
    assert subject is not None
    if ":" in subject:
        wanted = asked or _asked("SE3")
        verdict = subjects.check_import(subject, inputs, output, wanted, effort)
    elif on is not None:
        verdict = subjects.check_norm(subject, on, options, asked, effort)
    else:
        _is_a_model(subject)
        if norm_last:
            options["norm_last"] = True
        verdict = subjects.check_model(subject, {**options, **chosen}, asked, effort)
    if json:
        print_json(verdicts.plain(verdict, effort))
    else:
        verdicts.show(verdict, effort, asked is not None or ":" in subject)
    if not verdict.ok:
        raise typer.Exit(VIOLATION)


def _check_usage(
    subject: str | None,
    every: bool,
    on: str | None,
    inputs: str | None,
    output: str | None,
    slots: dict[str, Any],
) -> None:
    if every and (subject or on or inputs or output or slots):
        raise ValueError("--all checks every pair: give it no MODEL, norm, --on or --inputs")
    if not every and subject is None:
        raise ValueError(
            "name what to check: a model (eqnorm models), a norm with --on points (eqnorm "
            "norms), module.path:builder, or --all"
        )
    if subject and ":" not in subject and (inputs or output):
        raise ValueError(
            f"--inputs and --output are for your own module, given as module.path:builder; "
            f"the types of {subject!r} are known"
        )
    if subject and (":" in subject or on) and slots:
        raise ValueError(f"{', '.join(slots)}: only a registered backbone has slots for norms")


def _effort(dtype: str, device: str, seed: int, examples: int) -> Effort:
    import torch

    from eqnorm.cli.contracts import Effort

    if dtype not in DTYPES:
        raise ValueError(f"--dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise ValueError(f"--device must be cpu or cuda, got {device!r}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("--device cuda: no CUDA device here; use --device cpu")
    return Effort(getattr(torch, dtype), device, examples, seed)


def _asked(group: str) -> dict[str, bool]:
    """The symmetries of a group by name, with permutation."""
    from eqnorm.cli.listing import SYMMETRIES
    from eqnorm.symmetry import Symmetry

    symmetry = Symmetry.parse(group)
    wanted = {name: True for name, flag in SYMMETRIES.items() if flag in symmetry}
    return {**wanted, "permutation": True}


def _is_a_model(name: str) -> None:
    """A norm's name where a model's is needed gets its own answer."""
    import eqnorm

    try:
        eqnorm.model_spec(name)
    except ValueError:
        types = sorted({spec.on for spec in eqnorm.norm_specs(name)})
        if types:
            on = "8x0e+4x1o" if types[-1] == "irreps" else types[-1]
            raise ValueError(
                f"{name!r} is a norm: add --on {on} to check it by itself, or put it in a model: "
                f"eqnorm check egnn --norm {name}"
            ) from None
        raise

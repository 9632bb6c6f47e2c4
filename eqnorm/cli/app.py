"""The commands and their options; what they do is in the other files of this package.

Imports of eqnorm's own modules stand inside the commands: `eqnorm --help` needs none of them.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from eqnorm.cli import bench_command, check_command
from eqnorm.cli.console import out, print_json, reports_errors

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="Normalisation layers for SE(3)-equivariant networks, and their symmetries checked.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Pattern = Annotated[str, typer.Argument(help="Names to show, as in a shell: 'rms*'.")]
EquivariantTo = Annotated[
    str | None,
    typer.Option(help="Only those whose contract has these symmetries: SE3, O3, translation."),
]


def _version(asked: bool) -> None:
    if asked:
        import eqnorm

        typer.echo(f"eqnorm {eqnorm.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show it and exit."),
    ] = False,
) -> None:
    pass


@app.command()
@reports_errors
def norms(
    pattern: Pattern = "*",
    on: Annotated[
        str | None, typer.Option(help="Only those that serve this type: points, 1o, 32x0e+16x1o.")
    ] = None,
    equivariant_to: EquivariantTo = None,
    json: Json = False,
) -> None:
    """List the registered norms: what they act on, their symmetries, where they are from."""
    import eqnorm
    from eqnorm.cli import listing

    specs = eqnorm.norm_specs(pattern, on, equivariant_to)
    _show([listing.as_json(spec) for spec in specs], listing.norms_table(specs), "norm", json)


@app.command()
@reports_errors
def models(
    pattern: Pattern = "*", equivariant_to: EquivariantTo = None, json: Json = False
) -> None:
    """List the registered backbones: their symmetries without a norm, where they are from."""
    import eqnorm
    from eqnorm.cli import listing

    specs = [eqnorm.model_spec(name) for name in eqnorm.list_models(pattern, equivariant_to)]
    _show([listing.as_json(spec) for spec in specs], listing.models_table(specs), "model", json)


def _show(records: list[dict[str, Any]], table: Any, what: str, json: bool) -> None:
    if json:
        print_json(records)
    elif records:
        out().print(table)
    else:
        out().print(f"no {what} fits; leave out a filter to see more")


app.command(name="check")(reports_errors(check_command.check))
app.command(name="bench")(reports_errors(bench_command.bench))

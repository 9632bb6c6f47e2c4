"""How the tests of `eqnorm check` call it: few examples, small models."""

from __future__ import annotations

from typer.testing import CliRunner

runner = CliRunner()
FEW = ["--examples", "4"]
SMALL = ["-o", "hidden=8", "-o", "layers=2", *FEW]

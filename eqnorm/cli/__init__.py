"""The `eqnorm` command: norms and models by name, and their symmetries checked."""

from __future__ import annotations

import importlib.util
import sys

NEEDED = ("typer", "rich", "hypothesis")


def main() -> int:
    """Run the command; the console script `eqnorm`.

    Returns:
        The exit status: 0, 1 where a violation was found, 2 for bad usage. (Typer raises
        ``SystemExit`` with it in most cases.)
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"error: the eqnorm command needs {', '.join(missing)}; "
            "install it with: pip install 'eqnorm-zoo[cli]'\n"
        )
        return 2
    from eqnorm.cli.app import app

    app(prog_name="eqnorm")
    return 0

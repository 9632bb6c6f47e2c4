"""Names of runs: what was asked for, as the name of a folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from omegaconf import OmegaConf

# What a run's numbers do not depend on, as options and with all that begins with "trainer.", its
# precision apart.
IRRELEVANT = ("folder", "out", "threads", "trainer", "sweep", "data.cache_dir")
LONGEST = 150


def run_name(overrides: Sequence[str]) -> str:
    """The options of a run in the order of the alphabet, without those that change no number.

    Args:
        overrides: as on the command line.

    Example:
        >>> run_name(["seed=30", "norm=geonorm", "trainer=ddp"])
        'norm=geonorm,seed=30'
        >>> run_name(["norm={name:geonorm,faithful:true}"])
        'norm=_name_geonorm,faithful_true_-d9e4d8df'
        >>> run_name([])
        'default'
    """
    kept = ",".join(sorted(part for part in overrides if _counts(part.split("=")[0])))
    name = re.sub(r"[^\w.,=+~-]", "_", kept)
    if name != kept or len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{hashlib.sha256(kept.encode()).hexdigest()[:8]}"
    return name or "default"


def _counts(key: str) -> bool:
    key = key.lstrip("+~")
    return key not in IRRELEVANT and (not key.startswith("trainer.") or key == "trainer.precision")


def register() -> None:
    """Make ``${run_name:...}`` known to configurations."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)

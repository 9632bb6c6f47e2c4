"""Timings of what is registered, as ratios to peers in one run: what `eqnorm bench` shows.

Contestants take turns, so that a busy machine slows all of them, and every figure is a median with
its quartiles. Peers are other packages where they are installed; those that are not are named.
"""

from eqnorm.bench.machine import machine
from eqnorm.bench.peers import missing_peers
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.select import PARTS, cases
from eqnorm.bench.timing import interleaved

__all__ = [
    "PARTS",
    "Case",
    "Ratio",
    "Record",
    "Settings",
    "cases",
    "interleaved",
    "machine",
    "missing_peers",
]

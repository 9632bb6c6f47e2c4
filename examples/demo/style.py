"""Colours and words: one colour per choice of norms, everywhere in the report."""

from __future__ import annotations

import math

# Okabe and Ito's palette, safe for colour-blind readers: (name, on white, on black).
COLOURS = {
    "none": ("#6b7280", "#a3acba"),
    "layernorm": ("#d55e00", "#f58f4a"),
    "scalenorm": ("#b8569a", "#e29ccb"),
    "geonorm": ("#0072b2", "#5ab4ea"),
    "recommended": ("#00825f", "#39cba0"),
}
INK = {
    "ink": ("#1b1f24", "#e7e9ec"),
    "soft": ("#5c6470", "#9aa4b1"),
    "rule": ("#d9dde2", "#353b43"),
    "paper": ("#ffffff", "#14171a"),
    "good": ("#177245", "#57c785"),
    "bad": ("#b3261e", "#ff8a80"),
    "good-tint": ("#e6f4ec", "#14301f"),
    "bad-tint": ("#fbe9e7", "#3a1a17"),
}
VARIABLES = {**COLOURS, **INK}


def light(name: str) -> str:
    """A colour on white."""
    return VARIABLES[name][0]


def css_variables() -> str:
    """The palette for a light and a dark page."""

    def block(which: int) -> str:
        return "".join(f"--{name}:{pair[which]};" for name, pair in VARIABLES.items())

    return (
        f":root{{color-scheme:light dark;{block(0)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{block(1)}}}}}"
    )


MODELS = {"egnn_vel": "velocity-EGNN", "egnn": "EGNN", "tfn": "tensor field network"}


def model_name(name: str) -> str:
    """A backbone as papers call it."""
    return MODELS.get(name, name)


def number(value: float | None, digits: int = 3) -> str:
    """A number as a reader wants it: 0.083, 12.0, 3·10⁻¹³."""
    if value is None or not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e4:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        return f"{value:.{min(decimals, 3)}f}"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if mantissa == "1" else f"{mantissa}·{power}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

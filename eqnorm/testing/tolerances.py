"""Every number that the judge uses, in one table."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Tolerances:
    """Constants of the error model: relative error <= C u kappa (1 + |t|/s).

    For a gradient g of <c, f> by x, kappa is that of g plus |c| |f| / (|g| |x|): no error counts
    that, times x, is below the rounding error of <c, f> itself.

    Attributes:
        constant: C. Sound models measured 0.6 to 8.5 over float32, float64 and bfloat16 and
            depths 2 to 10.
        probe: relative size of the finite differences that measure kappa, in float64.
        probe_low: the same where only the model's own low precision can be run, times sqrt(u).
        probes: how many random directions are tried for kappa.
        neighbors: inputs near a suspicious one that are judged as well.
        agree: how many of these must show the violation too.
        jitter: relative distance of those inputs: beyond any tie, within any region.
        nudge: relative distance at which a true violation looks the same while round-off does
            not, in float64; in low precision 100 u is used.
        alignment: cosine between deviations at nudged inputs above which they look the same.
        systematic: multiple of C u32 above which a deviation that looks the same
            is a violation of a float32 model although kappa alone could explain it.
        gap: error in float64 over error in low precision; below it, it is round-off.
        clear: multiple of the limit at which a small deviation in float64 that looks the same
            when nudged is taken seriously; and any of a gradient, whose rounding error is the
            degree of f in x times the limit.
        hidden: multiple of the limit above which rounding in a float64 model is that of a lower
            precision.
        tiny_step: relative displacement that float32 cannot resolve.
        small_step: relative displacement that it can.
        staircase: relative difference of the slopes over the two that makes a staircase.
        rounding: largest ratio of error to limit in float64, at kappa = 1, at which float32
            rounding, once found, is taken for granted in later examples.
        shrinks: error in float64 over error in low precision below which it is round-off beyond
            doubt.
        huge: power of the largest number of a dtype above which a value is about to overflow.
        halvings: how often an input is halved, to see whether it only overflows.
        bisections: how often the edge of the overflow is bisected after that.
        farthest: largest distance from the origin, in units of the system's size.
        room: how many times larger than a system is the length whose square a dtype just holds.
        aside: how many times larger than the largest system offsets, shifts and outliers may be.
    """

    constant: float = 16.0
    probe: float = 1e-7
    probe_low: float = 1.0
    probes: int = 4
    neighbors: int = 4
    agree: int = 2
    jitter: float = 1e-3
    nudge: float = 1e-6
    alignment: float = 0.9
    systematic: float = 100.0
    gap: float = 1e-4
    clear: float = 100.0
    hidden: float = 1e5
    tiny_step: float = 1e-10
    small_step: float = 1e-4
    staircase: float = 0.01
    rounding: float = 1e8
    shrinks: float = 1e-6
    huge: float = 0.4
    halvings: tuple[float, ...] = (1.0, 3.0, 8.0, 24.0)
    bisections: int = 24
    farthest: float = 1e4
    room: float = 16.0
    aside: float = 4.0


TOLERANCES = Tolerances()


def unit_roundoff(dtype: torch.dtype) -> float:
    """u: half the distance from 1 to the next number, e.g. 6e-8 for float32."""
    return torch.finfo(dtype).eps / 2

"""What the tests of `attach` share."""

from __future__ import annotations

import eqnorm

GEO = {"points": "x", "batch": "batch"}


def expected(x, batch):
    return eqnorm.create_norm("geonorm", on="points")(2 * x + 1, batch, x0=x)

"""Printing a norm shows its options."""

from __future__ import annotations

import pytest

import eqnorm


@pytest.mark.parametrize(
    ("name", "on", "options"),
    [("geonorm", "points", {"faithful": True}), ("clipnorm", "1o", {"limit": 2.5})],
)
def test_options_are_shown(name, on, options):
    shown = repr(eqnorm.create_norm(name, on=on, **options))
    for option, value in options.items():
        assert f"{option}={value!r}" in shown
        assert f"{option}={value!r}" not in repr(eqnorm.create_norm(name, on=on))

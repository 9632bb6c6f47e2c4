from __future__ import annotations

import pytest

from eqnorm import Symmetry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SE3", Symmetry.ROTATION | Symmetry.TRANSLATION),
        ("se(3)", Symmetry.SE3),
        ("O-3", Symmetry.ROTATION | Symmetry.REFLECTION),
        ("E_3", Symmetry.E3),
        ("rotation + translation", Symmetry.SE3),
        (["rotation", "reflection"], Symmetry.O3),
        ("T3", Symmetry.TRANSLATION),
        ("none", Symmetry.NONE),
        (None, Symmetry.NONE),
        (Symmetry.E3, Symmetry.E3),
    ],
)
def test_parse_reads_names_lists_and_symmetries(text, expected):
    assert Symmetry.parse(text) is expected


@pytest.mark.parametrize("name", ["none", "SO3", "O3", "SE3", "E3", "T3"])
def test_label_of_a_named_group_parses_back(name):
    assert Symmetry.parse(name).label.lower() == name.lower()


def test_label_of_an_unnamed_set_lists_its_parts():
    assert (Symmetry.REFLECTION | Symmetry.TRANSLATION).label == "reflection+translation"


def test_unknown_names_list_the_choices():
    with pytest.raises(ValueError, match=r"unknown symmetry 'SU2'; choose from E3, NONE, O3"):
        Symmetry.parse("SU2")
    with pytest.raises(TypeError, match=r"a symmetry must be a name such as 'SE3'.* got int"):
        Symmetry.parse(3)

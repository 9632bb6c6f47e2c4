from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import registry


class Shift(nn.Module):
    """Adds a number."""

    def __init__(self, *, by: float = 1.0) -> None:
        super().__init__()
        self.by = by

    def forward(self, x, graph=None, x0=None, v=None, h=None):
        return x + self.by


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    """What a test registers is gone afterwards."""
    for table in (registry._norms, registry._models):
        table.load()  # once in a process: what it brings must outlive this test
        monkeypatch.setattr(table, "specs", dict(table.specs))


def test_the_papers_norms_and_their_contracts():
    contracts = {
        name: eqnorm.norm_spec(name, on="points").equivariant_to.label
        for name in ("layernorm", "scalenorm", "geonorm", "identity")
    }
    assert contracts == {
        "layernorm": "none",
        "scalenorm": "O3",
        "geonorm": "E3",
        "identity": "E3",
    }


@pytest.mark.parametrize("name", ["GeoNorm", "geo-norm", "GEO_NORM", "geo norm", "gn"])
def test_case_dashes_underscores_and_spaces_do_not_count(name):
    assert type(eqnorm.create_norm(name, on="points")).__name__ == "GeoNorm"


def test_every_form_a_norm_can_be_given_in():
    eqnorm.register_norm("shift", on="points", equivariant_to="T3", scope="node")(Shift)
    ready = Shift(by=5.0)
    x = torch.zeros(1, 3)
    forms = [
        ("shift", 1.0),
        (("shift", {"by": 2.0}), 2.0),
        ({"name": "shift", "by": 3.0}, 3.0),
        (Shift, 1.0),
        (ready, 5.0),
        (None, 0.0),
    ]
    for form, expected in forms:
        assert eqnorm.create_norm(form, on="points")(x).tolist() == [[expected] * 3]
    assert eqnorm.create_norm(ready, on="points") is ready
    assert eqnorm.create_norm("shift", on="points", by=7.0).by == 7.0


def test_one_name_may_serve_points_and_irreps():
    eqnorm.register_norm("shift", on="points", equivariant_to="T3")(Shift)

    @eqnorm.register_norm("shift", on="irreps", equivariant_to="O3")
    class IrrepsShift(Shift):
        def __init__(self, irreps: str) -> None:
            super().__init__()
            self.irreps = irreps

    assert eqnorm.create_norm("shift", on="8x0e+1o").irreps == "8x0e+1x1o"
    assert eqnorm.norm_spec("shift", on="points").factory is Shift
    # Irreps never see translations.
    assert eqnorm.norm_spec("shift", on="2e").equivariant_to.label == "E3"


def test_particular_irreps_come_before_any_irreps():
    eqnorm.register_norm("shift", on="irreps", equivariant_to="O3")(nn.Identity)
    eqnorm.register_norm("shift", on="1o", equivariant_to="O3")(Shift)
    assert isinstance(eqnorm.create_norm("shift", on="1x1o"), Shift)
    assert isinstance(eqnorm.create_norm("shift", on="2x1o"), nn.Identity)
    assert isinstance(eqnorm.create_norm(Shift, on="1o"), Shift)  # needs no irreps


def test_lists_filter_by_pattern_type_and_symmetry():
    points = eqnorm.list_norms(on="points")
    assert points == sorted(points)
    assert {"geonorm", "layernorm", "scalenorm"} <= set(points)
    assert eqnorm.list_norms("geo*", on="points")[0].startswith("geo")
    preserving = eqnorm.list_norms(on="points", equivariant_to="SE3")
    assert "geonorm" in preserving
    assert not {"layernorm", "scalenorm"} & set(preserving)
    assert {"egnn", "egnn_vel", "tfn"} <= set(eqnorm.list_models())


def test_aliases_are_not_listed():
    assert "gn" not in eqnorm.list_norms()


def test_registering_twice():
    eqnorm.register_norm("shift", on="points", equivariant_to="T3", aliases=("sh",))(Shift)
    with pytest.raises(ValueError, match="a norm named 'SHIFT' is registered already"):
        eqnorm.register_norm("SHIFT", on="points", equivariant_to="T3")(Shift)
    with pytest.raises(ValueError, match=r"'sh' is registered already.*pass override=True"):
        eqnorm.register_norm("other", on="points", equivariant_to=None, aliases=("sh",))(Shift)
    assert "other" not in eqnorm.list_norms()  # all of its names or none
    eqnorm.register_norm("shift", on="points", equivariant_to="E3", override=True)(Shift)
    assert eqnorm.norm_spec("shift", on="points").equivariant_to.label == "E3"


def test_models_register_in_the_same_way():
    @eqnorm.register_model("toy-model", equivariant_to="E3", source="none")
    class Toy(nn.Module):
        """A toy."""

        def __init__(self, *, layers: int = 1) -> None:
            super().__init__()
            self.layers = layers

    assert eqnorm.create_model("toy_model", layers=3).layers == 3
    assert eqnorm.model_spec("toy-model").summary == "A toy"
    with pytest.raises(ValueError, match="a model named 'toymodel' is registered already"):
        eqnorm.register_model("toymodel", equivariant_to="E3")(Toy)


def test_entry_points_fill_the_registry_and_broken_ones_are_left_out(monkeypatch):
    def good() -> None:
        eqnorm.register_norm("from-outside", on="points", equivariant_to="T3")(Shift)

    def bad() -> None:
        raise ImportError("no such thing")

    entries = [
        SimpleNamespace(name="good", value="pkg:good", load=good),
        SimpleNamespace(name="bad", value="pkg:bad", load=bad),
    ]
    monkeypatch.setattr("eqnorm._table.entry_points", lambda group: entries)
    monkeypatch.setattr(registry._norms, "_loaded", False)
    with pytest.warns(UserWarning, match=r"norm entry point 'bad' \(pkg:bad\) could not be"):
        assert "from-outside" in eqnorm.list_norms()


def test_contracts_follow_the_options():
    shared = eqnorm.create_norm("geonorm", on="points")
    own = eqnorm.create_norm("geonorm", on="points", per_particle=5)
    assert eqnorm.contract_of(shared).permutation
    assert not eqnorm.contract_of(own).permutation
    printed = eqnorm.create_norm("geonorm", on="points", faithful=True)
    assert "exact arithmetic only" in eqnorm.contract_of(printed).notes
    assert eqnorm.contract_of(nn.Linear(2, 2)) is None


def test_a_models_contract_is_what_it_and_its_norms_have_in_common():
    def contract(**options):
        return eqnorm.contract_of(eqnorm.create_model("egnn", layers=2, hidden=4, **options))

    assert contract().equivariant_to.label == "E3"
    assert contract(norm="geonorm").equivariant_to.label == "E3"
    assert contract(norm="scalenorm").equivariant_to.label == "O3"
    assert contract(norm="layernorm").equivariant_to.label == "none"
    assert contract(norm="scalenorm", center=True).equivariant_to.label == "E3"
    assert not contract(norm=("geonorm", {"per_particle": 5})).permutation


def test_slots_hand_on_the_width_of_h_and_copy_instances():
    ready = eqnorm.create_norm("geonorm", on="points")
    slot = eqnorm.create_slot(ready, slot="norm", on="points", available=("x0",))
    assert slot is not ready
    assert slot.gain is not ready.gain
    assert eqnorm.create_slot(None, slot="norm", on="points") is None

    @eqnorm.register_norm("by-h", on="points", equivariant_to="E3", needs=("h",))
    class ByH(Shift):
        def __init__(self, *, h_dim: int) -> None:
            super().__init__()
            self.h_dim = h_dim

    slot = eqnorm.create_slot("by-h", slot="norm", on="points", available=("h",), h_dim=12)
    assert slot.h_dim == 12

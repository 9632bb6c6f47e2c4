from __future__ import annotations

import pytest
import torch
from e3nn import o3

from eqnorm import GroupElement, parse_type
from eqnorm.types import representation


def random_orthogonal(count: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(count, 3, 3, dtype=torch.float64))[0]


@pytest.mark.parametrize("degree", range(9))
@pytest.mark.parametrize("parity", ["e", "o"])
def test_representation_is_an_orthogonal_homomorphism_to_rounding(degree, parity):
    first, second = random_orthogonal(8), random_orthogonal(8)
    irrep = f"{degree}{parity}"
    a, b = representation(irrep, first), representation(irrep, second)
    assert a.dtype == torch.float64
    eye = torch.eye(2 * degree + 1, dtype=torch.float64)
    assert (a @ a.mT - eye).abs().max() < 1e-13
    assert (representation(irrep, first @ second) - a @ b).abs().max() < 1e-13


@pytest.mark.parametrize("irrep", ["0o", "1o", "1e", "2e", "3o", "4e"])
def test_representation_is_e3nns_to_the_accuracy_of_e3nn(irrep):
    rotation = random_orthogonal(5)
    reference = o3.Irrep(irrep).D_from_matrix(rotation)
    assert (representation(irrep, rotation) - reference).abs().max() < 5e-6


def test_representation_moves_spherical_harmonics_in_float64():
    rotation = random_orthogonal(1)[0]
    u = torch.randn(7, 3, dtype=torch.float64)
    for degree in range(6):
        y = o3.spherical_harmonics(degree, u, normalize=True)
        turned = o3.spherical_harmonics(degree, u @ rotation.T, normalize=True)
        matrix = representation(f"{degree}{'eo'[degree % 2]}", rotation)
        assert (turned - y @ matrix.T).abs().max() < 1e-13


def test_the_default_dtype_is_neither_needed_nor_changed():
    before = torch.get_default_dtype()
    representation("3o", random_orthogonal(1)[0])
    assert torch.get_default_dtype() == before == torch.float32


def test_translations_move_points_and_nothing_else():
    move = GroupElement(torch.eye(3, dtype=torch.float64), torch.tensor([1.0, 2.0, 3.0]).double())
    x = torch.zeros(2, 3)
    assert torch.equal(move.act(x, "points"), torch.tensor([[1.0, 2.0, 3.0]] * 2))
    assert torch.equal(move.act(x, "1o"), x)


def test_inversion_flips_odd_irreps():
    flip = GroupElement(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    x = torch.ones(1, 1 + 1 + 3 + 3 + 5)
    moved = flip.act(x, "0e+0o+1o+1e+2e")
    assert moved.tolist() == [[1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1]]


def test_act_computes_in_float64_and_keeps_the_dtype():
    move = GroupElement(random_orthogonal(1)[0], torch.full((3,), 1e4, dtype=torch.float64))
    x = torch.randn(4, 3)
    exact = move.act(x.double(), "points")
    assert move.act(x, "points").dtype == torch.float32
    assert torch.equal(move.act(x, "points"), exact.float())


def test_inverse_undoes_and_select_acts_row_by_row():
    many = GroupElement(random_orthogonal(3), torch.randn(3, 3, dtype=torch.float64))
    x = torch.randn(6, 3, dtype=torch.float64)
    rows = many.select(torch.tensor([0, 0, 1, 1, 2, 2]))
    moved = rows.act(x, "points")
    assert torch.allclose(moved[4], many.rotation[2] @ x[4] + many.translation[2])
    assert torch.allclose(rows.inverse().act(moved, "points"), x, atol=1e-14)
    assert torch.equal(GroupElement.identity().act(x, "points"), x)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ("point", ValueError, r"on='point' is neither 'points' nor irreps; write irreps as"),
        ("", ValueError, "has dimension 0; give at least one irrep"),
        (3, TypeError, r"on must be 'points' or irreps such as '32x0e\+16x1o', got int"),
    ],
)
def test_types_that_do_not_parse(value, error, text):
    with pytest.raises(error, match=text):
        parse_type(value)


def test_act_on_a_tensor_of_another_type():
    with pytest.raises(ValueError, match=r"declared '2x1o', whose last dimension is 6, but"):
        GroupElement.identity().act(torch.zeros(2, 3), "2x1o")

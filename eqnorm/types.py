"""What a tensor is (points or irreps) and how a group element acts on it, in float64."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TypeAlias

import torch
from e3nn import o3
from torch import Tensor


@dataclass(frozen=True)
class GeometricType:
    """The type of a tensor's last dimension.

    ``"points"`` are positions, three numbers that follow rotations *and* translations,
    ``x -> R x + t``. Everything else is a direct sum of irreducible representations of
    O(3) in e3nn's notation and component order, and never sees translations.

    Attributes:
        irreps: the irreps, or None for points.

    Example:
        >>> parse_type("points").dim, parse_type("8x0e + 4x1o").dim
        (3, 20)
        >>> parse_type("4x0e+1x1o").name
        '4x0e+1x1o'
    """

    irreps: o3.Irreps | None

    @property
    def is_points(self) -> bool:
        """Whether translations move it."""
        return self.irreps is None

    @property
    def dim(self) -> int:
        """Size of the last dimension."""
        return 3 if self.irreps is None else int(self.irreps.dim)

    @property
    def name(self) -> str:
        """``"points"``, or the irreps as a string."""
        return "points" if self.irreps is None else str(self.irreps)


TypeLike: TypeAlias = GeometricType | o3.Irreps | o3.Irrep | str

POINTS = GeometricType(None)

# Too narrow for squares and sums: what computes lengths widens these to float32.
HALF = (torch.float16, torch.bfloat16)


def parse_type(value: TypeLike, argument: str = "on") -> GeometricType:
    """Read a geometric type.

    Args:
        value: ``"points"``, an e3nn irreps string such as ``"32x0e+16x1o"``, an
            ``o3.Irreps`` or a ``GeometricType``.
        argument: the caller's argument, named in errors.

    Raises:
        ValueError: the string is neither ``"points"`` nor irreps, or the irreps are empty.
        TypeError: ``value`` is of another kind.
    """
    if isinstance(value, GeometricType):
        return value
    if isinstance(value, str) and value.strip().lower() == "points":
        return POINTS
    if not isinstance(value, (str, o3.Irreps, o3.Irrep)):
        raise TypeError(
            f"{argument} must be 'points' or irreps such as '32x0e+16x1o', "
            f"got {type(value).__name__}"
        )
    try:
        irreps = o3.Irreps(value)
    except (ValueError, AssertionError, TypeError) as error:
        raise ValueError(
            f"{argument}={value!r} is neither 'points' nor irreps; write irreps as "
            "'<multiplicity>x<degree><parity>' joined by '+', for example '32x0e+16x1o'"
        ) from error
    if irreps.dim == 0:
        raise ValueError(f"{argument}={str(value)!r} has dimension 0; give at least one irrep")
    return GeometricType(irreps)


@dataclass(frozen=True)
class GroupElement:
    """An element of E(3), or a batch of them: ``x -> R x + t``.

    Attributes:
        rotation: R, shape (..., 3, 3), float64, orthogonal; det -1 is a reflection.
        translation: t, shape (..., 3), float64, in the unit of the positions.
    """

    rotation: Tensor
    translation: Tensor

    @classmethod
    def identity(cls) -> GroupElement:
        """The element that changes nothing."""
        return cls(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))

    def inverse(self) -> GroupElement:
        """The element that undoes this one."""
        back = self.rotation.transpose(-1, -2)
        return GroupElement(back, -(back @ self.translation[..., None])[..., 0])

    def select(self, index: Tensor) -> GroupElement:
        """One element per entry of ``index``, from a batch of elements."""
        return GroupElement(self.rotation[index], self.translation[index])

    def act(self, x: Tensor, kind: TypeLike) -> Tensor:
        """Transform a tensor, computing in float64 and returning ``x``'s own dtype.

        Args:
            x: shape (..., D). A batch of elements acts row by row.
            kind: the type of ``x``.

        Raises:
            ValueError: the last dimension of ``x`` is not that of ``kind``.
        """
        kind = parse_type(kind, "kind")
        if x.shape[-1] != kind.dim:
            raise ValueError(
                f"x is declared {kind.name!r}, whose last dimension is {kind.dim}, "
                f"but has shape {tuple(x.shape)}"
            )
        rotation = self.rotation.to(x.device)
        value = x.double()
        if kind.irreps is None:
            moved = _matvec(rotation, value) + self.translation.to(x.device)
            return moved.to(x.dtype)
        pieces = []
        for (mul, irrep), cut in zip(kind.irreps, kind.irreps.slices(), strict=True):
            block = value[..., cut].reshape(*value.shape[:-1], mul, irrep.dim)
            matrix = representation(irrep, rotation)
            pieces.append(_matvec(matrix.unsqueeze(-3), block).flatten(-2))
        return torch.cat(pieces, dim=-1).to(x.dtype)


def representation(irrep: o3.Irrep | str, rotation: Tensor) -> Tensor:
    """The matrix of an orthogonal transformation on one irrep, accurate in float64.

    e3nn's ``D_from_matrix`` goes through Euler angles and tables held in torch's default
    dtype, and so errs by 2e-7 even for float64 input unless the default dtype is changed.
    Here D is *defined* by the spherical harmonics, Y(R u) = D(R) Y(u), and solved from a
    well-conditioned set of directions u: errors stay at 1e-14.

    Args:
        irrep: for example ``"2e"``.
        rotation: R, shape (..., 3, 3), float64, det R = +1 or -1.

    Returns:
        Shape (..., 2l+1, 2l+1), float64.
    """
    irrep = o3.Irrep(irrep)
    sign: Tensor = torch.linalg.det(rotation).sign()[..., None, None]
    factor = torch.where(sign < 0, float(irrep.p), 1.0)
    if irrep.l == 0:
        return factor * torch.ones_like(sign)
    proper = sign * rotation
    if irrep.l == 1:
        return factor * proper
    directions, solve = _harmonics_basis(irrep.l)
    directions, solve = directions.to(rotation.device), solve.to(rotation.device)
    turned = directions @ proper.transpose(-1, -2)
    harmonics = o3.spherical_harmonics(irrep.l, turned, normalize=True)
    return factor * torch.matmul(harmonics.transpose(-1, -2), solve)


@functools.cache
def _harmonics_basis(degree: int) -> tuple[Tensor, Tensor]:
    """Directions u spread over the sphere, and the matrix S with Y(Ru)^T S = D(R)."""
    count = 4 * (2 * degree + 1)
    index = torch.arange(count, dtype=torch.float64)
    height = 1 - (2 * index + 1) / count
    angle = index * math.pi * (3 - math.sqrt(5))
    radius = (1 - height**2).sqrt()
    directions = torch.stack([radius * angle.cos(), height, radius * angle.sin()], dim=-1)
    harmonics = o3.spherical_harmonics(degree, directions, normalize=True)
    return directions, torch.linalg.pinv(harmonics).transpose(0, 1)


def _matvec(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)

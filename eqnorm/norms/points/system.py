"""Normalisation of a whole system: its size, its drift, and a bias that has a direction."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from eqnorm.functional import points_frame
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.norms.coefficients import Coefficients
from eqnorm.norms.parameters import point_parameter
from eqnorm.registry import register_norm
from eqnorm.specs import NormSpec


@register_norm(
    "system",
    on="points",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    optional=("v", "h"),
    periodic=False,
    source="this project (DESIGN, section 5)",
    aliases=("systemnorm",),
)
class SystemNorm(Norm):
    """A system scaled to its initial size, its drift capped, with a bias in its own frame.

    F(x_i) = mu0 + cap(mu - mu0) + g s0 (x_i - mu) / sqrt(rms^2 + (eps s0)^2) + sum_k a_ik e_ik,
    with mu and mu0 the centres of the points (N, 3) and of the initial points, s0 the initial
    root mean square radius, rms that of the points, and

    * cap(u) = u L / sqrt(L^2 + |u|^2), L^2 = c^2 (s0^2 + rms(v)^2), c a learnable scalar: left
      alone, the drift of the centre explodes;
    * e_ik the mean velocity of the system, the velocity v_i, and x0_i - mu0 (without
      velocities the last alone);
    * a_ik = A_k tanh(W LN(h_i) + b)_k, W and b from 0, A_k learnable scalars from 1, or
      A_k tanh(b)_k without features: a bias that learns direction and distance.

    Equivariant to rotations, reflections and translations: every vector in it turns with the
    system and does not see translations, every coefficient is invariant, mu0 follows both.

    Args:
        h_dim: number of invariant features C; None to learn without them.
        eps: in units of s0.

    A system of one particle without velocity has no length to measure by, and stays at mu0.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("system", on="points")
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(1000 * x0 + 1e6, x0=x0).detach().round(decimals=3)
        tensor([[-0.4230,  0.5770,  0.5770],
                [ 1.5770,  0.5770,  0.5770]])
    """

    looped = True

    def __init__(self, *, h_dim: int | None = None, eps: float = 1e-3) -> None:
        super().__init__(3, needs=("x0",) if h_dim is None else ("x0", "h"))
        if not eps > 0:
            raise ValueError(f"eps must be positive, in units of the initial radius, got {eps}")
        self.h_dim = h_dim
        self.eps = eps
        self.gain = point_parameter(None, 1, 1.0)
        self.cap = point_parameter(None, 1, 1.0)
        self.amplitude = nn.Parameter(torch.ones(3))
        self.coefficients = Coefficients(3, h_dim)

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        coefficients = self.coefficients(h, x, self.amplitude)
        return points_frame.system_norm(
            x, graph, x0, v, self.gain, self.cap, coefficients, self.eps
        )

    def refine(self, spec: NormSpec) -> NormSpec:
        if self.h_dim is None:
            return dataclasses.replace(spec, optional=("v",))
        return dataclasses.replace(spec, needs=("x0", "h"), optional=("v",))

"""The compiled integrator: eight trajectories side by side in the lanes of a vector register.

Each pair of particles is visited once per step, for eight trajectories at a time, so the inner
loop has no reduction, and no reordering of additions is needed to vectorise it: every operation is
an IEEE one (`+ - * / sqrt fma`) in a fixed order. The result is the same to the bit whatever the
number of trajectories, threads, or the vector width of the machine.

numba's own vectoriser gives up on such a loop (it cannot prove that the rows of two particles do
not overlap), so the loop over partners is written as LLVM vector instructions. What was tried, in
nanoseconds per pair and trajectory at N = 50: loops left to the vectoriser 2.5 to 10; vectors with
`1 / (r2 * sqrt(r2))` 0.96 (used); a float32 seed and a Newton step 1.03; an integer seed and two
Householder steps 1.03.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ._numba import compiled

LANES = 8

cgutils: Any = _cgutils  # has no type hints

_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


def _add_pair_forces(
    typing_context: Any, x: Any, force: Any, charge: Any, scaled: Any, i: Any, n: Any
) -> Any:
    """Adds the forces between particle i and all later ones, in all lanes, to `force`.

    Args (C-contiguous float64 arrays): x, force (N, 3, LANES); charge, scaled (N, LANES), the
    latter times the interaction strength; i, n int64, with 0 <= i < n = N: not checked.
    """
    signature = types.void(x, force, charge, scaled, i, n)

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        def pointer(k: int) -> Any:
            array = context.make_array(signature.args[k])(context, b, args[k])
            return b.bitcast(array.data, _VECTOR.as_pointer())

        def function(name: str, arity: int) -> Any:
            kind = ir.FunctionType(_VECTOR, [_VECTOR] * arity)
            return cgutils.get_or_insert_function(b.module, kind, f"llvm.{name}.v{LANES}f64")

        def row(base: Any, index: Any, width: int, component: int) -> Any:
            at = b.add(b.mul(index, _INDEX(width)), _INDEX(component))
            return b.gep(base, [at], inbounds=True)

        def load(address: Any) -> Any:
            value = b.load(address)
            value.align = 8  # numpy promises no more
            return value

        def store(value: Any, address: Any) -> None:
            b.store(value, address).align = 8

        fma, sqrt = function("fma", 3), function("sqrt", 1)
        xs, forces, charges, scaled_charges = (pointer(k) for k in range(4))
        first, count = args[4], args[5]
        here = [load(row(xs, first, 3, c)) for c in range(3)]
        strength = load(row(scaled_charges, first, 1, 0))
        total = [cgutils.alloca_once(b, _VECTOR) for _ in range(3)]
        for c in range(3):
            b.store(load(row(forces, first, 3, c)), total[c])
        start = b.add(first, _INDEX(1))
        with cgutils.for_range(b, count, start=start, intp=_INDEX) as loop:
            j = loop.index
            d = [b.fsub(here[c], load(row(xs, j, 3, c))) for c in range(3)]
            r2 = b.call(fma, [d[2], d[2], b.call(fma, [d[1], d[1], b.fmul(d[0], d[0])])])
            product = b.fmul(strength, load(row(charges, j, 1, 0)))
            size = b.fdiv(product, b.fmul(r2, b.call(sqrt, [r2])))
            minus = b.fneg(size)
            for c in range(3):
                b.store(b.call(fma, [size, d[c], b.load(total[c])]), total[c])
                there = row(forces, j, 3, c)
                store(b.call(fma, [minus, d[c], load(there)]), there)
        for c in range(3):
            store(b.load(total[c]), row(forces, first, 3, c))
        return context.get_dummy_value()

    return signature, generate


add_pair_forces: Any = intrinsic(_add_pair_forces)


@compiled
def integrate(
    loc: NDArray[np.float64],
    vel: NDArray[np.float64],
    charges: NDArray[np.float64],
    record: NDArray[np.int64],
    time_step: float,
    clamp: float,
    interaction: float,
    out_loc: NDArray[np.float64],
    out_vel: NDArray[np.float64],
) -> None:
    """Integrates M trajectories from their initial states and records frames.

    Args:
        loc: Initial positions, (M, N, 3).
        vel: Initial velocities, (M, N, 3).
        charges: Charges, (M, N).
        record: Steps at which to record, ascending, (T,).
        time_step: dt.
        clamp: Largest absolute value of a force component.
        interaction: Strength of the interaction.
        out_loc: Recorded positions, (M, T, N, 3).
        out_vel: Recorded velocities, (M, T, N, 3).
    """
    m, n = charges.shape
    x = np.empty((n, 3, LANES))
    v = np.empty((n, 3, LANES))
    force = np.zeros((n, 3, LANES))
    charge = np.empty((n, LANES))
    scaled = np.empty((n, LANES))
    flat_x, flat_v, flat_force = x.ravel(), v.ravel(), force.ravel()
    for begin in range(0, m, LANES):
        for lane in range(LANES):
            source = min(begin + lane, m - 1)  # idle lanes repeat the last trajectory
            for i in range(n):
                charge[i, lane] = charges[source, i]
                scaled[i, lane] = interaction * charges[source, i]
                for c in range(3):
                    x[i, c, lane] = loc[source, i, c]
                    v[i, c, lane] = vel[source, i, c]
        step = 0
        for t in range(record.size):
            while step < record[t]:
                for i in range(n - 1):
                    add_pair_forces(x, force, charge, scaled, i, n)
                for k in range(flat_x.size):
                    v_next = flat_v[k] + time_step * min(max(flat_force[k], -clamp), clamp)
                    flat_v[k] = v_next
                    flat_x[k] = flat_x[k] + time_step * v_next
                    flat_force[k] = 0.0
                step += 1
            for lane in range(min(LANES, m - begin)):
                for i in range(n):
                    for c in range(3):
                        out_loc[begin + lane, t, i, c] = x[i, c, lane]
                        out_vel[begin + lane, t, i, c] = v[i, c, lane]

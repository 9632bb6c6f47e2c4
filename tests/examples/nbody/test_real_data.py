"""What the real data are: shapes, units, momentum, periodicity. The physics is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from examples.nbody.real import adk, argon
from examples.nbody.real.baselines import baselines
from examples.nbody.real.trajectory import Trajectory, pairs, time_ordered

BOLTZMANN = 8.314462618e-3  # kJ/(mol K)


@pytest.fixture(scope="module")
def liquid() -> Trajectory:
    return argon.read()


class TestArgon:
    def test_shapes(self, liquid: Trajectory) -> None:
        assert liquid.positions.shape == (51, 1000, 3)
        assert liquid.velocities is not None
        assert liquid.forces is not None
        assert liquid.boxes is not None
        assert liquid.velocities.shape == liquid.forces.shape == liquid.positions.shape
        np.testing.assert_allclose(liquid.boxes, np.full((51, 3), 36.014), rtol=1e-5)

    def test_velocities_are_angstrom_per_picosecond(self, liquid: Trajectory) -> None:
        """x_{t+1} - x_{t-1} = 2 dt v_t, less (ω dt)²/6 of it, ω about 7/ps in liquid argon."""
        assert liquid.velocities is not None
        v = liquid.velocities[1:-1]
        moved = liquid.positions[2:] - liquid.positions[:-2]
        time = float((v * moved).sum() / np.square(v).sum()) / 2
        assert liquid.time_step == pytest.approx(0.02)
        assert time == pytest.approx(0.02, rel=0.01)
        # In nm, or in ps a unit that is not one, it would be off by a factor of ten or more.
        assert np.square(moved - 0.04 * v).mean() < 0.05 * np.square(moved).mean()

    def test_forces_are_kilojoule_per_mole_and_angstrom(self, liquid: Trajectory) -> None:
        """m dv/dt = F with the mass of argon."""
        assert liquid.velocities is not None
        assert liquid.forces is not None
        gained = (liquid.velocities[2:] - liquid.velocities[:-2]) / 0.04
        force = liquid.forces[1:-1]
        slope = float((gained * force).sum() / np.square(force).sum())
        assert slope == pytest.approx(argon.FORCE_TO_ACCELERATION, rel=0.02)

    def test_temperature_is_that_of_a_liquid(self, liquid: Trajectory) -> None:
        """1/2 m <v²> = 3/2 k T; 1 (Å/ps)² g/mol is 0.01 kJ/mol. Argon is liquid at 84 to 87 K."""
        assert liquid.velocities is not None
        kinetic = 0.01 * argon.MASS * np.square(liquid.velocities).sum(-1).mean() / 2
        assert 80 < kinetic / (1.5 * BOLTZMANN) < 92

    def test_momentum_and_forces_vanish_in_sum(self, liquid: Trajectory) -> None:
        """No net force (Newton's third law), no drift: to the rounding of the velocities."""
        assert liquid.velocities is not None
        assert liquid.forces is not None
        assert np.abs(liquid.velocities.mean(1)).max() < 2e-3
        assert np.abs(liquid.forces.mean(1)).max() < 1e-6
        centre = liquid.positions.mean(1)
        assert np.abs(centre - centre[0]).max() < 1e-3

    def test_no_jumps_after_unwrapping(self, liquid: Trajectory) -> None:
        assert np.abs(np.diff(liquid.positions, axis=0)).max() < 0.2
        assert liquid.boxes is not None
        outside = (liquid.positions < 0) | (liquid.positions > liquid.boxes[:, None])
        assert outside.any()  # boundaries are crossed: without unwrapping there would be jumps

    def test_floor_of_the_rounding(self, liquid: Trajectory) -> None:
        """Over one frame, x + a v + b F is right to the rounding of the file, and no further."""
        one = baselines(liquid, time_ordered(51, 1, 10, 10))[-1]
        assert one.mse == pytest.approx(argon.ROUNDING_MSE, rel=0.05)


class TestUnwrapping:
    def test_a_crossing(self) -> None:
        boxes = np.full((3, 3), 10.0)
        wrapped = np.array([[[9.5, 5.0, 0.2]], [[0.5, 5.0, 9.8]], [[1.5, 5.0, 8.8]]])
        paths = argon.unwrap(wrapped, boxes)
        np.testing.assert_allclose(paths[:, 0, 0], [9.5, 10.5, 11.5])
        np.testing.assert_allclose(paths[:, 0, 2], [0.2, -0.2, -1.2])

    def test_random_walks_come_back(self) -> None:
        walk = np.cumsum(np.random.default_rng(0).normal(0, 0.5, (200, 7, 3)), axis=0)
        walk += 5 - walk[:1]
        boxes = np.full((200, 3), 10.0)
        np.testing.assert_allclose(argon.unwrap(walk % 10.0, boxes), walk, atol=1e-9)

    def test_too_fast_is_refused(self) -> None:
        wrapped = np.zeros((2, 1, 3))
        wrapped[1, 0, 0] = 4.0
        with pytest.raises(ValueError, match="moves by 4 .* in a box of 10: too far to unwrap"):
            argon.unwrap(wrapped, np.full((2, 3), 10.0))


class TestAdK:
    @pytest.mark.parametrize(("selection", "count"), [("ca", 214), ("backbone", 855)])
    def test_shapes_and_first_velocities(self, selection: str, count: int) -> None:
        protein = adk.read(selection)
        assert protein.positions.shape == (98, count, 3)
        assert protein.boxes is None
        assert protein.forces is None
        assert protein.time_step == pytest.approx(1.0)
        assert protein.velocities is not None
        assert not protein.velocities[0].any()
        moved = protein.positions[5] - protein.positions[4]
        np.testing.assert_allclose(protein.velocities[5], moved, rtol=1e-6)

    def test_neighbouring_residues_are_a_bond_apart(self) -> None:
        """3.8 Å between successive C-alpha: the positions are in Å, and in the order of the chain.

        The biased steps stretch some bonds: the mean is what holds.
        """
        chain = np.linalg.norm(np.diff(adk.read("ca").positions, axis=1), axis=-1)
        assert chain.mean() == pytest.approx(3.85, abs=0.1)

    def test_it_opens(self) -> None:
        """The radius of gyration grows from the closed state's to the open state's."""
        positions = adk.read("ca").positions
        centred = positions - positions.mean(1, keepdims=True)
        radius = np.sqrt(np.square(centred).sum(-1).mean(-1))
        assert radius[0] < 16.6
        assert radius[-1] > 19

    def test_unknown_selection(self) -> None:
        with pytest.raises(ValueError, match="one of ca, backbone, all, got 'cb'"):
            adk.read("cb")


class TestSplit:
    def test_no_target_of_the_test_set_is_seen(self) -> None:
        for frames, horizon, val, test, first in ((51, 10, 10, 10, 0), (98, 1, 10, 20, 1)):
            split = time_ordered(frames, horizon, val, test, first)
            seen = {frame + shift for frame in split.train for shift in (0, horizon)}
            tested = {frame + shift for frame in split.test for shift in (0, horizon)}
            assert not seen & tested
            chosen = {frame + shift for frame in split.val for shift in (0, horizon)}
            assert not chosen & {frame + horizon for frame in split.test}
            assert max(split.train) < min(split.val) <= max(split.val) < min(split.test)
            assert max(tested) == frames - 1
            assert (len(split.val), len(split.test)) == (val, test)
            assert min(split.train) == first

    def test_too_few_frames(self) -> None:
        with pytest.raises(ValueError, match=r"30 frames .* too few .* they need 31"):
            time_ordered(30, 10, 10, 10)
        assert len(time_ordered(31, 10, 10, 10).train) == 1

    def test_targets_are_displacements_travelled(self, liquid: Trajectory) -> None:
        start, end = pairs(liquid, range(31, 41), 10)
        assert liquid.boxes is not None
        box = liquid.boxes[0]
        shortest = (end - start) - box * np.round((end - start) / box)
        np.testing.assert_allclose(end - start, shortest, atol=1e-9)


class TestBaselines:
    def test_argon(self, liquid: Trajectory) -> None:
        """Values of DESIGN, section 5; and forces explain two thirds of what velocities do not."""
        found = {item.name: item.mse for item in baselines(liquid, time_ordered(51, 10, 10, 10))}
        assert found["no_motion"] == pytest.approx(0.0607, abs=1e-4)
        assert found["linear_fitted"] == pytest.approx(0.0233, abs=1e-4)
        assert found["linear"] > found["linear_fitted"]
        assert found["quadratic_fitted"] < found["linear_fitted"] / 2

    def test_against_a_loop(self) -> None:
        x, v, f = np.random.default_rng(1).normal(size=(3, 12, 5, 3))
        made = Trajectory("made", x, v, f, None, 0.5, ("A",) * 5)
        split = time_ordered(12, 2, 2, 3)
        found = {item.name: item for item in baselines(made, split)}
        components = [(i, k) for i in range(5) for k in range(3)]
        top = bottom = 0.0
        for t in split.train:
            for i, k in components:
                top += (x[t + 2, i, k] - x[t, i, k]) * v[t, i, k]
                bottom += v[t, i, k] ** 2
        for name, a in (("no_motion", 0.0), ("linear", 1.0), ("linear_fitted", top / bottom)):
            squares = [
                (x[t + 2, i, k] - x[t, i, k] - a * v[t, i, k]) ** 2
                for t in split.test
                for i, k in components
            ]
            assert found[name].mse == pytest.approx(np.mean(squares))
        assert found["linear_fitted"].coefficients == pytest.approx((top / bottom,))

    def test_protein_has_little_to_learn(self) -> None:
        """The best multiple of the last displacement gains less than a tenth."""
        for selection in ("ca", "backbone"):
            protein = adk.read(selection)
            found = {
                i.name: i.mse for i in baselines(protein, time_ordered(98, 1, 10, 20, first=1))
            }
            assert found["linear"] > 2 * found["no_motion"]
            assert 0.9 < found["linear_fitted"] / found["no_motion"] < 1

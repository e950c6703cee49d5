"""The mechanism: its sensitivity, its grid, and the loss that it really has."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.dp.gaussian import DiscreteGaussian
from service.dp.mechanism import LARGEST_DEVIATION, SENSITIVITY, STEPS, Mechanism, cost_of, deviation_of, to_steps
from service.vectors import Vectors

VECTORS = arrays(
    np.float32, st.integers(1, 40), elements=st.floats(-3.0, 3.0, width=32, allow_nan=False, allow_infinity=False)
)


@given(VECTORS)
def test_every_vector_ends_in_the_unit_ball_exactly(z: Vectors) -> None:
    steps = to_steps(z)
    assert sum(int(k) ** 2 for k in steps) <= STEPS**2
    if float(np.linalg.norm(z.astype(np.float64))) <= 1.0:
        assert np.max(np.abs(steps / STEPS - z), initial=0.0) < 1.0 / STEPS


def test_two_histories_can_be_as_far_apart_as_the_sensitivity() -> None:
    one = np.eye(8, dtype=np.float32)[0]
    apart = (to_steps(one) - to_steps(-one)) / STEPS
    assert np.linalg.norm(apart) == SENSITIVITY


def test_a_vector_that_rounding_put_outside_is_brought_back() -> None:
    z = np.full(384, 1.00001 / math.sqrt(384), np.float32)
    assert np.linalg.norm(z.astype(np.float64)) > 1.0
    assert int(to_steps(z) @ to_steps(z)) <= STEPS**2
    assert to_steps(np.array([1.0000001, 0.0], np.float32)).tolist() == [STEPS, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_never_leaves(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Mechanism(1.0).release(np.array([0.1, bad], np.float32))


@pytest.mark.parametrize("deviation", [0.05, 1.0, LARGEST_DEVIATION])
def test_the_noise_has_its_deviation_and_no_bias(deviation: float) -> None:
    mechanism, z = Mechanism(deviation), np.full(20_000, 1.0 / math.sqrt(20_000), np.float32)
    noise = mechanism.release(z, np.random.default_rng(11).bytes).astype(float) - to_steps(z) / STEPS
    # Of n draws: the mean has a standard deviation of 1 / sqrt(n), the deviation one of 1 / sqrt(2 n). Five of each.
    assert abs(noise.mean()) < 5 * deviation / math.sqrt(len(z))
    assert noise.std() == pytest.approx(deviation, rel=5 / math.sqrt(2 * len(z)))


@pytest.mark.parametrize("deviation", [0.05, 7.5, LARGEST_DEVIATION])
def test_what_leaves_is_whole_steps_whatever_went_in(deviation: float) -> None:
    """No low bits that depend on z: every released number is a whole step, and float32 holds it exactly."""
    z = np.random.default_rng(0).normal(0.0, 0.02, 384).astype(np.float32)
    released = Mechanism(deviation).release(z).astype(np.float64) * STEPS
    np.testing.assert_array_equal(released, np.rint(released))


def test_a_deviation_beyond_use_is_refused() -> None:
    with pytest.raises(ValueError, match="32 at most"):
        Mechanism(LARGEST_DEVIATION * 1.01)


def test_cost_and_deviation_are_each_other_s_inverse() -> None:
    for deviation in (0.01, 0.7, 30.0):
        assert deviation_of(cost_of(deviation)) == pytest.approx(deviation)


@pytest.mark.parametrize(("deviation", "distance"), [(1.0, 2), (4.0, 8), (3.5, 7), (0.8, 3)])
@pytest.mark.parametrize("order", [1.5, 2.0, 8.0, 40.0])
def test_the_renyi_divergence_is_what_the_accountant_takes_it_for(
    deviation: float, distance: int, order: float
) -> None:
    """Of the sampler's own probabilities, shifted by whole steps: at most order * distance^2 / (2 s^2).

    Summed in logarithms over the true, untruncated masses' range: what is beyond the table is below 10^-70.
    """
    reach = int(12 * deviation * order) + distance
    ks = np.arange(-reach - distance, reach + distance + 1, dtype=float)
    logs = -(ks**2) / (2 * deviation**2)
    shifted = -((ks - distance) ** 2) / (2 * deviation**2)
    told = DiscreteGaussian(deviation).probabilities()
    total = math.log(told[0])  # log of 1 / Z, since the weight of 0 is 1
    exponents = order * (logs + total) + (1 - order) * (shifted + total)
    divergence = np.logaddexp.reduce(exponents) / (order - 1)
    assert divergence <= order * distance**2 / (2 * deviation**2) * (1 + 1e-9)
    assert divergence == pytest.approx(order * distance**2 / (2 * deviation**2), rel=0.05)

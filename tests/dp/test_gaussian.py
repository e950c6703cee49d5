"""The noise: that it is the discrete Gaussian, exactly, and that nothing of a float is in it."""

import doctest
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from service.dp import gaussian, mechanism
from service.dp.gaussian import DRAW_BYTES, REACH, DiscreteGaussian


@pytest.mark.parametrize("module", [gaussian, mechanism])
def test_the_examples_run(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]  # a module, which mypy takes for an object here
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("deviation", [0.1, 0.5, 1.0, 3.7, 250.0, 2048.0])
def test_probabilities_are_those_of_the_formula(deviation: float) -> None:
    told = DiscreteGaussian(deviation).probabilities()
    weights = [math.exp(-(k**2) / (2 * deviation**2)) for k in range(len(told))]
    total = math.fsum([weights[0], *(2 * w for w in weights[1:])])
    expected = np.array([weights[0], *(2 * w for w in weights[1:])]) / total
    assert len(told) > REACH * deviation
    np.testing.assert_allclose(told, expected, rtol=1e-12, atol=1e-60)


def test_what_is_cut_off_and_rounded_is_less_than_promised() -> None:
    deviation = 32.0 * 1024
    sampler = DiscreteGaussian(deviation)
    beyond = 2 * stats.norm.sf(REACH)
    rounded = len(sampler.probabilities()) * 2.0**-256
    assert beyond + rounded < 1e-70


@pytest.mark.parametrize("deviation", [0.6, 3.0, 40.0])
def test_draws_have_the_distribution(deviation: float) -> None:
    """Chi-squared over bins of 50 draws or more. The seed is fixed: it passes always or never."""
    sampler, count = DiscreteGaussian(deviation), 100_000
    drawn = sampler.draw(count, np.random.default_rng(7).bytes)
    told = sampler.probabilities()
    signed = np.concatenate([told[:0:-1] / 2, told[:1], told[1:] / 2])
    expected = signed * count
    seen = np.bincount(drawn + len(told) - 1, minlength=len(signed))
    common = expected >= 50
    observed = np.append(seen[common], seen[~common].sum())
    wanted = np.append(expected[common], expected[~common].sum())
    assert stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-3
    # The mean square of n draws has a relative standard deviation of sqrt(2 / n), 0.45 %: five of them.
    assert np.mean(drawn.astype(float) ** 2) == pytest.approx(np.sum(signed * _squares(len(told))), rel=0.0225)


def _squares(length: int) -> np.ndarray:
    return np.arange(-length + 1, length, dtype=float) ** 2


def test_draws_are_independent_of_each_other() -> None:
    drawn = DiscreteGaussian(9.0).draw(50_000, np.random.default_rng(3).bytes).astype(float)
    # Correlations of n independent draws have a standard deviation of 1 / sqrt(n), 0.0045: five of them.
    for lag in (1, 2, 8):
        assert abs(np.corrcoef(drawn[lag:], drawn[:-lag])[0, 1]) < 0.0225


def constant(byte: int) -> Callable[[int], bytes]:
    return lambda n: bytes([byte]) * n


def test_the_ends_of_the_table_are_reached_and_not_passed() -> None:
    sampler = DiscreteGaussian(5.0)
    assert sampler.draw(3, constant(0)).tolist() == [0, 0, 0]
    assert sampler.draw(3, constant(255)).tolist() == [-REACH * 5] * 3


def test_equal_first_words_are_settled_by_the_others() -> None:
    """A uniform number right at a threshold, and one below it: 64 bits alone would not tell them apart."""
    sampler = DiscreteGaussian(2.0)
    steps = sampler.probabilities()
    assert len(steps) == 37
    rows = sampler._table
    for at in (0, 3, len(rows) - 1):
        threshold = int.from_bytes(rows[at].tobytes(), "big")
        for number, expected in ((threshold, at + 1), (threshold - 1, at)):
            uniform = number.to_bytes(DRAW_BYTES, "big")
            drawn = sampler.draw(1, lambda n, uniform=uniform: uniform if n == DRAW_BYTES else b"\0")  # type: ignore[misc]
            assert abs(int(drawn[0])) == expected


def test_the_system_s_randomness_is_used_unless_told_otherwise() -> None:
    sampler = DiscreteGaussian(100.0)
    assert not np.array_equal(sampler.draw(64), sampler.draw(64))
    one, same = (sampler.draw(64, np.random.default_rng(5).bytes) for _ in range(2))
    np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("deviation", [0.0, 0.05, -1.0, math.nan, math.inf])
def test_what_is_no_deviation_is_refused(deviation: float) -> None:
    with pytest.raises(ValueError, match="a tenth of a step"):
        DiscreteGaussian(deviation)

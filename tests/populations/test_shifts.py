"""The statistics of shifts, on simulated populations."""

import doctest
import math

import numpy as np
import pytest
from scipy import integrate, stats

from service.populations import shifts
from service.populations.shifts import Baseline, Counts

TOPICS, SLICES = 50, 168
TESTS = TOPICS * 4 * 4320.0


def test_the_examples() -> None:
    assert doctest.testmod(shifts).failed == 0


@pytest.mark.parametrize(("n", "g"), [(1, 0), (1, 1), (40, 0), (40, 9), (40, 40), (3000, 200)])
def test_the_bayes_factor_is_that_of_the_two_distributions(n: int, g: int) -> None:
    usual = Baseline(share=0.03, correlation=0.01, users=400)
    s = usual.precision
    under_usual = stats.betabinom.logpmf(g, n, s * 0.03, s * 0.97)
    low, high = 0.06, 1.0
    peak = min(max(g / n, low), high)
    density = lambda share: stats.binom.pmf(g, n, share) / (high - low)  # noqa: E731 - integrated here alone
    under_shift, _ = integrate.quad(density, low, high, points=[peak], limit=500, epsabs=0)
    assert shifts.log_bayes_factor(n, g, usual) == pytest.approx(math.log(under_shift) - under_usual, abs=1e-6)


@pytest.mark.parametrize("usual", [Baseline(0.02, 0.0, 150), Baseline(0.1, 0.02, 5000), Baseline(0.7, 0.001, 900)])
@pytest.mark.parametrize("n", [3, 60, 500])
def test_evidence_is_1_on_average_where_all_is_as_usual(usual: Baseline, n: int) -> None:
    g = np.arange(n + 1)
    s = usual.precision
    usual_pmf = stats.betabinom.pmf(g, n, s * usual.share, s * (1 - usual.share))
    factors = np.exp([shifts.log_bayes_factor(n, int(count), usual) for count in g])
    assert float(usual_pmf @ factors) == pytest.approx(1.0, rel=1e-6)


def slices(seed: int, rate: float, correlation: float) -> tuple[Counts, Counts]:
    """Users who changed by slice, and those who gained each topic; rates vary by a day's rhythm."""
    draw = np.random.default_rng(seed)
    share = draw.dirichlet(np.full(TOPICS, 1.0)) * 3
    share = np.minimum(share, 0.5)
    changed = draw.poisson(rate * (1 + 0.8 * np.sin(np.arange(SLICES) / 24 * 2 * np.pi)))
    s = 1 / correlation - 1
    shares = draw.beta(s * share, s * (1 - share), (SLICES, TOPICS))
    return changed, draw.binomial(changed[:, None], shares)


@pytest.mark.parametrize("correlation", [0.001, 0.02])
def test_how_far_shares_vary_is_found(correlation: float) -> None:
    changed, gained = slices(1, 60, correlation)
    usual = shifts.baselines(changed, gained)
    assert usual is not None
    least = min(baseline.correlation for baseline in usual)
    assert least == pytest.approx(correlation, rel=0.35)


def test_too_little_is_no_baseline() -> None:
    changed, gained = slices(1, 60, 0.01)
    assert shifts.baselines(changed[:3], gained[:3]) is None
    assert shifts.baselines(changed // 60, gained // 60) is None


@pytest.mark.parametrize(("rate", "correlation"), [(2, 0.002), (30, 0.002), (30, 0.02), (300, 0.01)])
def test_false_shifts_are_fewer_than_promised(rate: float, correlation: float) -> None:
    """Every window of four weeks, each a look: none of them is told, though traffic trebles in some."""
    told = windows = 0
    for seed in range(12):
        changed, gained = slices(seed, rate, correlation)
        usual = shifts.baselines(changed[:84], gained[:84])
        if usual is None:
            continue
        for n, counts in zip(changed[84:], gained[84:], strict=True):
            windows += 1
            told += len(shifts.found(int(n), counts, usual, min_users=5, log_threshold=shifts.threshold(TESTS)))
    assert windows > 500
    assert told == 0


@pytest.mark.parametrize(("rate", "followers"), [(30, 30), (300, 120)])
def test_planted_shifts_are_found(rate: int, followers: int) -> None:
    found = 0
    for seed in range(20):
        changed, gained = slices(seed, rate, 0.005)
        usual = shifts.baselines(changed, gained)
        assert usual is not None
        topic = int(np.argsort(gained.sum(0))[TOPICS // 2])
        n, counts = rate + followers, gained[-1].clip(max=rate // 3).copy()
        counts[topic] += followers
        told = shifts.found(n, counts, usual, min_users=5, log_threshold=shifts.threshold(TESTS))
        found += topic in [k for k, _ in told]
        assert all(shifts.probability(evidence, TESTS) > 0.9 for _, evidence in told)
    assert found >= 19


def test_a_rise_of_everything_is_no_shift() -> None:
    changed, gained = slices(3, 40, 0.005)
    usual = shifts.baselines(changed, gained)
    assert usual is not None
    counts = np.array([round(400 * baseline.share) for baseline in usual])
    assert shifts.found(400, counts, usual, min_users=5, log_threshold=shifts.threshold(TESTS)) == []


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="5 of 4 users"):
        shifts.log_bayes_factor(4, 5, Baseline(0.1, 0.0, 200))


def test_the_probability_at_the_threshold_follows_from_the_two_rates() -> None:
    promised, true = shifts.FALSE_SHIFTS_PER_DAY, shifts.TRUE_SHIFTS_PER_DAY
    assert shifts.probability(shifts.threshold(TESTS), TESTS) == pytest.approx(true / (true + promised))
    assert shifts.probability(-1e6, TESTS) == 0.0

"""The Bayesian detector against the plain formula, on planted changes and on long stationary histories."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp

from service.detection import bayes
from service.detection.detector import Observation, Params, Result, fold
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.topics import WHOLE

from .conftest import Draw, later

NEVER = Rule("bayes", np.inf)


class Runs:
    """The recursion in its plainest form: every run length kept, with its counts. Shortest run first."""

    def __init__(self, p0: NDArray[np.float64], params: bayes.BayesParams) -> None:
        self.p0, self.p = p0, params
        self.counts = np.empty((0, len(p0)))
        self.totals, self.weights = np.empty(0), np.empty(0)

    def ratios(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        p = self.p
        regimes = (p.alpha * self.p0 + self.counts) @ q / (p.alpha + self.totals)
        tempered = p.beta * (np.log(regimes) - np.log(self.p0 @ q))
        return np.asarray(np.logaddexp(np.log1p(-p.epsilon) + tempered, np.log(p.epsilon)), np.float64)

    def follow(self, q: NDArray[np.float64], ratios: NDArray[np.float64]) -> None:
        self.weights = self.weights + ratios
        self.counts = self.p.forget * self.counts + q
        self.totals = self.p.forget * self.totals + 1

    def take(self, q: NDArray[np.float64]) -> None:
        born = logsumexp(self.weights) + np.log(self.p.hazard) if len(self.weights) else 0.0
        self.follow(q, self.ratios(q) + np.log1p(-self.p.hazard))
        self.weights = np.concatenate([[born], self.weights])
        self.weights -= logsumexp(self.weights)
        self.counts = np.concatenate([q[None], self.counts])
        self.totals = np.concatenate([[1.0], self.totals])


def log_odds_of(results: list[Result]) -> NDArray[np.float64]:
    return np.array([r.log_odds for r in results], np.float64)


def dense_log_odds(shares: NDArray[np.float64], p0: NDArray[np.float64], p: bayes.BayesParams) -> NDArray[np.float64]:
    runs, out = Runs(p0, p), []
    for t, q in enumerate(shares):
        runs.take(q)
        young = min(p.recent, t)
        out.append(logsumexp(runs.weights[:young]) - logsumexp(runs.weights[young:]) if t else -20.0)
    return np.array(out)


def dense_shares(profile: Profile, observations: list[Observation]) -> NDArray[np.float64]:
    assigned = profile.assign(np.stack([o.vector for o in observations]))
    shares = np.zeros((len(observations), profile.topics))
    np.put_along_axis(shares, assigned.topics.astype(np.int64), assigned.shares / WHOLE, axis=1)
    return shares


@pytest.mark.parametrize("numbers", [{}, {"beta": 0.5}, {"forget": 0.97}, {"alpha": 3.0, "epsilon": 0.1, "recent": 10}])
def test_equals_the_dense_formula_at_every_prefix(numbers: dict[str, float], profile: Profile, draw: Draw) -> None:
    numbers_of = bayes.BayesParams(**numbers)  # type: ignore[arg-type]
    observations = [*draw([1, 2, 3], 70, 0), *later(draw([10, 11], 40, 1), 70)]
    params = Params(64, replace(profile, params=numbers_of))
    _, results = fold(params, params.empty(), observations, NEVER)
    expected = dense_log_odds(dense_shares(profile, observations), profile.background.astype(np.float64), numbers_of)
    np.testing.assert_allclose(log_odds_of(results), expected, atol=2e-3)


def test_bounding_the_state_hardly_moves_the_log_odds(profile: Profile, params: Params, draw: Draw) -> None:
    """Beyond L behaviours, all older beginnings are one hypothesis; the dense formula keeps them apart."""
    observations = [*draw([1, 2, 3], 600, 0), *later(draw([10, 11], 20, 1), 600)]
    _, results = fold(params, params.empty(), observations, NEVER)
    expected = dense_log_odds(
        dense_shares(profile, observations), profile.background.astype(np.float64), profile.params
    )
    assert len(observations) > 2 * params.layout.assignments
    np.testing.assert_allclose(log_odds_of(results), expected, atol=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_change_is_found_with_its_beginning(seed: int, params: Params, draw: Draw) -> None:
    observations = [*draw([1, 2, 3], 80, seed), *later(draw([10, 11, 12], 20, seed + 100), 80)]
    _, results = fold(params, params.empty(), observations, Rule())
    (found,) = [r for r in results if r.change]
    assert found.change is not None
    assert 80 <= found.position < 100
    assert abs(found.change.began - 80) <= 3
    assert found.change.kind == "novel"


@pytest.mark.parametrize("seed", range(5))
def test_a_long_stationary_history_is_left_in_peace(seed: int, params: Params, draw: Draw) -> None:
    _, results = fold(params, params.empty(), draw([1, 5, 9, 22], 1500, seed), Rule())
    assert not any(r.change for r in results)


def test_one_alarm_for_each_of_many_changes(params: Params, draw: Draw) -> None:
    observations: list[Observation] = []
    for n in range(8):
        observations += later(draw([4 * n, 4 * n + 1, 4 * n + 2], 60, n), len(observations))
    _, results = fold(params, params.empty(), observations, Rule())
    began = [r.change.began for r in results if r.change]
    assert len(began) == 7
    np.testing.assert_allclose(began, np.arange(60, 480, 60), atol=3)


def test_a_single_odd_behaviour_does_not_decide(params: Params, draw: Draw) -> None:
    usual = draw([1, 2], 200, 0)
    for n in range(20, 200, 15):
        usual[n] = Observation(draw([30], 1, n)[0].vector, 1.0, usual[n].time)
    _, results = fold(params, params.empty(), usual, Rule())
    assert not any(r.change for r in results)


def test_slow_drift_does_not_alarm_with_forgetting(profile: Profile, draw: Draw) -> None:
    """A mixture that moves linearly from one pair of topics to another over 400 behaviours."""
    before, after = draw([1, 2], 600, 0), draw([3, 4], 600, 1)
    rng = np.random.default_rng(2)
    moved = [b if rng.random() > (n - 100) / 400 else a for n, (b, a) in enumerate(zip(before, after, strict=True))]
    drifting = Params(64, replace(profile, params=bayes.BayesParams(forget=0.98)))
    _, results = fold(drifting, drifting.empty(), moved, Rule())
    assert not any(r.change for r in results)


def test_contributions_add_up_and_name_the_behaviours(params: Params, draw: Draw) -> None:
    observations = [*draw([1, 2, 3], 80, 3), *later(draw([10, 11], 20, 4), 80)]
    _, results = fold(params, params.empty(), observations, Rule())
    (found,) = [r for r in results if r.change]
    assert found.change is not None
    prior, *parts = found.change.contributions
    assert sum(part.log_odds for part in found.change.contributions) == pytest.approx(found.log_odds)
    assert prior.position is None
    assert prior.log_odds < 0
    assert [part.position for part in parts] == list(range(found.change.began, found.position + 1))


def test_contributions_are_the_log_ratios_of_the_two_predictives(profile: Profile, params: Params, draw: Draw) -> None:
    """Recomputed forwards: the old runs as they stood before the change, followed through it, against the new run."""
    observations = [*draw([1, 2, 3], 50, 5), *later(draw([10, 11], 20, 6), 50)]
    _, results = fold(params, params.empty(), observations, Rule())
    (found,) = [r for r in results if r.change]
    assert found.change is not None
    shares, p0, began = dense_shares(profile, observations), profile.background.astype(np.float64), found.change.began
    old = Runs(p0, profile.params)
    for q in shares[:began]:
        old.take(q)
    new = Runs(p0, profile.params)
    expected = []
    for q in shares[began : found.position + 1]:
        old_ratio, new_ratio = old.ratios(q), new.ratios(q)
        evidence = logsumexp(old.weights + old_ratio) - logsumexp(old.weights)
        expected.append((new_ratio[-1] if len(new_ratio) else 0.0) - evidence)
        old.follow(q, old_ratio)
        new.take(q)
    parts = [part.log_odds for part in found.change.contributions[1:]]
    np.testing.assert_allclose(parts, expected, atol=5e-3)


def test_topics_gained_and_lost_are_those_planted(params: Params, draw: Draw) -> None:
    observations = [*draw([1, 2], 80, 3), *later(draw([10, 11], 20, 4), 80)]
    _, results = fold(params, params.empty(), observations, Rule())
    (change,) = [r.change for r in results if r.change]
    assert {item.topic for item in change.gained[:2]} == {10, 11}
    assert {item.topic for item in change.lost[:2]} == {1, 2}
    assert all(item.after > item.before for item in change.gained)
    assert all(item.after < item.before for item in change.lost)
    assert change.gained[0].label == f"topic {change.gained[0].topic}"


def test_a_return_to_an_earlier_interest_is_recognised(params: Params, draw: Draw) -> None:
    observations: list[Observation] = []
    for n, topics in enumerate(([1, 2, 3], [10, 11, 12], [20, 21, 22], [1, 2, 3], [30, 31])):
        observations += later(draw(topics, 60, n), len(observations))
    _, results = fold(params, params.empty(), observations, Rule())
    assert [r.change.kind for r in results if r.change] == ["novel", "novel", "returning", "novel"]


def test_z_is_that_of_the_new_regime_once_a_change_is_declared(params: Params, draw: Draw) -> None:
    observations = [*draw([1, 2], 80, 3), *later(draw([10], 20, 4), 80)]
    _, results = fold(params, params.empty(), observations, Rule())
    (found,) = [r for r in results if r.change]
    assert params.profile is not None
    assert found.change is not None
    new = np.mean([o.vector for o in observations[found.change.began : found.position + 1]], axis=0)
    assert found.z @ new / np.linalg.norm(found.z) / np.linalg.norm(new) > 0.99


@pytest.mark.parametrize("seed", range(8))
def test_one_alarm_where_the_beginning_is_uncertain(seed: int, params: Params, draw: Draw) -> None:
    """A few behaviours that fit neither the old interest nor the new one, then new ones only.

    The change may have begun at any of them, and no single beginning outweighs all the others.
    """
    old, odd, new = draw([1, 2, 3], 60, seed), draw(range(15, 40), 4, seed + 50), draw([10, 11], 40, seed + 100)
    observations = [*old, *later(odd, 60), *later(new, 64)]
    _, results = fold(params, params.empty(), observations, Rule("bayes", 0.5))
    assert len([r for r in results if r.change]) == 1

"""The figures of the policy against sums over all runs, on streams folded by the real detector."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.detection import detector
from service.detection.detector import MIN_HISTORY, Observation, Params, fold
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.state import PAST_REGIMES, PastRegime, State
from service.policy.convert import policy_of
from service.policy.posterior import inclusion, long_term, posture, runs
from tests.detection.conftest import Draw, later

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
START = datetime(2026, 1, 5, 10, tzinfo=UTC)


def a_change(draw: Draw, before: int = 60, after: int = 40) -> list[Observation]:
    return [*draw([1, 2, 3], before, 3), *later(draw([30, 31], after, 4), before)]


def steps(params: Params, observations: list[Observation]) -> list[State]:
    """The state after each behaviour."""
    state, out = params.empty(), []
    for observation in observations:
        state, _ = detector.step(params, state, observation, Rule())
        out.append(state)
    return out


@pytest.fixture(params=[1.0, 0.98])
def fading(params: Params, request: pytest.FixtureRequest) -> Params:
    """Detectors that forget, and that do not."""
    assert params.profile is not None
    numbers = replace(params.profile.params, forget=request.param)
    return replace(params, profile=replace(params.profile, params=numbers))


def test_the_evidence_of_each_run_is_the_weights_since(fading: Params, draw: Draw) -> None:
    """Also of the one that began before the behaviours that are kept one by one."""
    assert fading.profile is not None
    forget, kept = fading.profile.params.forget, fading.layout.assignments
    rng = np.random.default_rng(0)
    observations = [replace(one, weight=float(rng.choice([0.1, 1.0, 0.5]))) for one in draw([1, 2], kept + 20, 0)]
    state, _ = fold(fading, fading.empty(), observations, Rule("bayes", np.inf))
    assert state.bayes is not None
    probability, evidence = runs(fading.profile.params, state.bayes)
    assert len(probability) == len(evidence) == kept + 1
    assert probability.sum() == pytest.approx(1.0)
    newest_first = [one.weight for one in reversed(observations)]
    faded = [weight * forget**age for age, weight in enumerate(newest_first)]
    expected = [sum(faded[: length + 1]) for length in range(kept)] + [sum(faded)]
    np.testing.assert_allclose(evidence, expected, rtol=1e-4)


def test_inclusion_is_the_probability_of_all_runs_that_reach_so_far(params: Params, draw: Draw) -> None:
    assert params.profile is not None
    kept = params.layout.assignments
    long_after = steps(params, a_change(draw, after=kept + 30))[-1]
    for state in [*steps(params, a_change(draw))[::7], steps(params, draw([1], kept + 30, 0))[-1], long_after]:
        regime = state.bayes
        assert regime is not None
        logs = [*regime.log_run.astype(float).tolist(), regime.log_older]
        total = sum(np.exp(logs))
        ages = np.arange(state.behaviors)
        # Run r is made of the ages 0 to r; the last one is older than all that is kept.
        expected = [
            sum(np.exp(log) for r, log in enumerate(logs) if r >= age or r == len(logs) - 1) / total
            if age < regime.age
            else 0.0
            for age in ages
        ]
        found = inclusion(regime, ages)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert found[0] == pytest.approx(1.0)
        assert (np.diff(found) <= 1e-12).all()


def test_without_a_regime_all_may_belong_to_the_present(params: Params) -> None:
    assert inclusion(None, np.arange(3)).tolist() == [1.0] * 3
    assert inclusion(params.empty().bayes, np.arange(3)).tolist() == [1.0] * 3


@given(seed=st.integers(0, 2**32 - 1), lengths=st.lists(st.integers(1, 60), min_size=1, max_size=7))
@some
def test_shares_add_up_and_are_the_sums_over_runs(
    seed: int, lengths: list[int], params: Params, draw: Draw, profile: Profile
) -> None:
    rng, observations = np.random.default_rng(seed), list[Observation]()
    for n in lengths:
        topics = rng.choice(40, 2, replace=False).tolist()
        observations += later(draw(topics, n, int(rng.integers(1000))), len(observations))
    for state in steps(params, observations)[::9]:
        found = posture(profile, state)
        present, past, exploration = found.shares.present, found.shares.long_term, found.shares.exploration
        assert present + past + exploration == pytest.approx(1.0)
        assert min(present, past, exploration) >= 0.0
        assert (past > 0) == bool(state.past)
        assert 0.0 < found.learning_rate <= 1 / (profile.params.alpha + 1)
        assert state.bayes is not None
        probability, evidence = runs(profile.params, state.bayes)
        terms = [(float(p), float(n)) for p, n in zip(probability, evidence, strict=True)]
        alpha = profile.params.alpha
        assert present == pytest.approx(sum(p * n / (alpha + n) for p, n in terms))
        assert found.learning_rate == pytest.approx(sum(p / (alpha + n + 1) for p, n in terms))
        before = min(state.began, state.began - state.known_from)
        assert past == pytest.approx((1 - present) * before / (alpha + before), rel=0.02)


def test_the_learning_rate_jumps_with_a_change_and_decays(params: Params, draw: Draw, profile: Profile) -> None:
    states = steps(params, a_change(draw))
    rates = [posture(profile, state).learning_rate for state in states]
    steady = rates[59]
    assert steady == pytest.approx(1 / (profile.params.alpha + 61), rel=0.2)
    assert (np.diff(rates[:40]) < 0).all(), "a steady interest is learnt ever more slowly"
    declared = next(n for n, state in enumerate(states) if state.regime == 1)
    highest = 60 + int(np.argmax(rates[60:]))
    assert highest <= declared <= 75, "it rises with the probability of a change, before that is declared"
    assert rates[highest] > 3 * steady
    assert (np.diff(rates[declared:]) < 0).all()
    present = [posture(profile, state).shares.present for state in states]
    assert min(present[60:80]) < 0.6 * present[59] < present[-1]


def test_what_a_change_brought_is_boosted_and_what_it_took_suppressed(
    params: Params, draw: Draw, profile: Profile
) -> None:
    found = posture(profile, steps(params, a_change(draw))[-1])
    assert {one.topic for one in found.boost[:2]} == {30, 31}
    assert {one.topic for one in found.suppress[:3]} == {1, 2, 3}
    for one in found.boost:
        assert one.share > one.usual
        assert one.factor == one.share / one.usual > 1
    assert all(one.factor < 1 for one in found.suppress)
    for told in (found.boost, found.suppress):
        sizes = [abs(one.share - one.usual) for one in told]
        assert sizes == sorted(sizes, reverse=True)
        assert all(one.label == f"topic {one.topic}" for one in told)


def test_before_the_first_change_nothing_is_suppressed(params: Params, draw: Draw, profile: Profile) -> None:
    all_found = [posture(profile, state) for state in steps(params, draw([1, 2, 3], 60, 3))]
    for found in all_found:
        assert (found.suppress, found.shares.long_term) == ((), 0.0)
    found = all_found[-1]
    assert {one.topic for one in found.boost[:3]} == {1, 2, 3}
    assert found.boost[0].usual == pytest.approx(profile.background[found.boost[0].topic])


def test_of_a_new_user_all_is_the_domains(params: Params, profile: Profile) -> None:
    found = posture(profile, params.empty())
    assert (found.shares.present, found.shares.long_term, found.shares.exploration) == (0.0, 0.0, 1.0)
    assert found.learning_rate == pytest.approx(1 / (profile.params.alpha + 1))
    assert (found.boost, found.suppress) == ((), ())


def test_the_long_term_weighs_earlier_regimes_by_their_length(params: Params, profile: Profile) -> None:
    def past(topic: int, began: int, ended: int) -> PastRegime:
        known = PastRegime.without_topics(began, ended)
        known.topics[0], known.shares[0] = topic, 1.0
        return known

    state = replace(params.empty(), past=(past(7, 30, 40), past(5, 0, 30)), regime=2, began=40)
    shares, evidence = long_term(profile, state)
    assert evidence == 40.0
    alpha = profile.params.alpha
    expected = alpha * profile.background.astype(float)
    expected[5] += 30
    expected[7] += 10
    np.testing.assert_allclose(shares, expected / (alpha + 40))
    assert shares.sum() == pytest.approx(1.0, abs=1e-3)
    # Of regimes without topics, as of another profile, nothing is known.
    blank = replace(state, past=tuple(PastRegime.without_topics(one.began, one.ended) for one in state.past))
    assert long_term(profile, blank)[1] == 0.0
    assert len(state.past) <= PAST_REGIMES


def told(params: Params, state: State, **times: Any) -> Any:
    given = {"since": START, "as_of": START + timedelta(days=9)} | times
    return policy_of(params, state, given["since"], given["as_of"])


def test_the_status_says_how_much_is_known(params: Params, draw: Draw) -> None:
    states = steps(params, draw([1, 2], 20, 0))
    assert told(params, params.empty(), since=None, as_of=None).status == "new"
    assert told(params, states[MIN_HISTORY - 2]).status == "warming_up"
    assert told(params, states[MIN_HISTORY - 1]).status == "ok"
    bare = Params(params.dim, None)
    new = told(bare, bare.empty(), since=None, as_of=None)
    assert (new.status, new.present, new.exploration, new.learning_rate) == ("new", 0.0, 1.0, 1.0)
    state, _ = fold(bare, bare.empty(), draw([1, 2], 4, 0), Rule())
    known = told(bare, state)
    assert (known.status, known.present, known.exploration, known.learning_rate) == ("uncalibrated", 1.0, 0.0, 0.2)
    assert (known.boost, known.suppress, known.until) == ([], [], None)


def test_a_regime_is_expected_to_last_by_the_hazard_and_the_users_pace(
    params: Params, draw: Draw, profile: Profile
) -> None:
    state = steps(params, a_change(draw))[-1]
    behaviors = state.behaviors - state.began
    policy = told(params, state)
    gap = timedelta(days=9) / (behaviors - 1)
    assert policy.since == START
    assert abs(policy.until - (START + timedelta(days=9) + gap / profile.params.hazard)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "times",
    [
        {"since": None},
        {"as_of": None},
        {"as_of": START},
        {"as_of": START - timedelta(days=1)},
        {"as_of": START + timedelta(days=365 * 60)},
        {"as_of": datetime(9990, 1, 1, tzinfo=UTC)},
    ],
)
def test_without_a_pace_there_is_no_end(times: dict[str, Any], params: Params, draw: Draw) -> None:
    assert told(params, steps(params, draw([1, 2], 30, 0))[-1], **times).until is None


def test_one_behaviour_is_no_pace(params: Params, draw: Draw) -> None:
    assert told(params, steps(params, draw([1, 2], 1, 0))[-1]).until is None

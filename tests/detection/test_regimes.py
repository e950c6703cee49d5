"""Which regime each behaviour belongs to: numbers and bounds, through changes, restarts and stored windows."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.detection import bayes, codec, detector, reorder
from service.detection.detector import Observation, Params, fold
from service.detection.reorder import Window
from service.detection.rules import Rule
from service.detection.state import PAST_REGIMES, PAST_TOPICS, State

from .conftest import TOPICS, Draw, later
from .test_reorder import a_change, arrivals, entries, shuffled

LENGTH = 40
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def interests(draw: Draw, count: int) -> list[Observation]:
    """So many interests one after the other, forty behaviours of each."""
    return [observation for n in range(count) for observation in later(draw([5 * n, 5 * n + 1], LENGTH, n), LENGTH * n)]


@pytest.mark.parametrize("changes", [0, 1, 3, 6])
def test_regimes_are_numbered_and_bounded_by_the_changes_declared(changes: int, params: Params, draw: Draw) -> None:
    state, results = fold(params, params.empty(), interests(draw, changes + 1), Rule())
    began = [result.change.began for result in results if result.change]
    assert began == [LENGTH * n for n in range(1, changes + 1)]
    assert (state.regime, state.began) == (changes, LENGTH * changes)
    bounds = [0, *began]
    kept = list(pairwise(bounds))[::-1][:PAST_REGIMES]
    assert [(one.began, one.ended) for one in state.past] == kept
    assert state.known_from == max(changes - PAST_REGIMES, 0) * LENGTH
    positions = np.arange(state.known_from, state.behaviors)
    np.testing.assert_array_equal(state.regimes_at(positions), positions // LENGTH)
    # Of each the leading topics are remembered.
    for number, one in zip(reversed(range(changes)), state.past, strict=False):
        assert set(one.topics[np.argsort(-one.shares)[:2]].tolist()) == {5 * number, 5 * number + 1}


def test_a_regime_that_is_no_longer_remembered_has_no_number(params: Params, draw: Draw) -> None:
    state, _ = fold(params, params.empty(), interests(draw, 7), Rule())
    assert state.known_from == 2 * LENGTH
    with pytest.raises(ValueError, match="behaviour 79 is no longer remembered"):
        state.regimes_at(np.array([3 * LENGTH, 2 * LENGTH - 1]))
    assert state.regimes_at(np.array([2 * LENGTH])).tolist() == [2]
    assert state.regimes_at(np.array([], np.int64)).tolist() == []


@given(runs=st.lists(st.integers(1, 60), max_size=8))
@quick
def test_restarts_leave_no_gap_between_regimes(runs: list[int], params: Params, draw: Draw) -> None:
    """Whatever length of run is cut off, also one longer than the regime is."""
    state = params.empty()
    for n, run in enumerate(runs):
        state, _ = fold(params, state, later(draw([n], 20, n), 20 * n), Rule("bayes", np.inf))
        before = state
        state = detector.restart(state, run)
        assert state.began == max(before.behaviors - run, before.began)
        assert state.regime == before.regime + 1
        assert state.past[1:] == before.past[: PAST_REGIMES - 1]
        assert (state.past[0].began, state.past[0].ended) == (before.began, state.began)
        assert not state.past[0].shares.any()
        assert state.bayes is not None
        assert state.bayes.age <= min(run, 20 * (n + 1))
    edges = [state.began, *(one.began for one in state.past)]
    assert [one.ended for one in state.past] == edges[:-1]
    assert len(state.past) == min(len(runs), PAST_REGIMES)
    assert edges[-1] == state.known_from if state.past else state.known_from == 0


def test_the_topics_of_an_ended_regime_are_its_leading_ones(params: Params, draw: Draw) -> None:
    state, _ = fold(params, params.empty(), draw([3, 8, 9], 60, 0), Rule("bayes", np.inf))
    assert state.bayes is not None
    counts = bayes.counts(params.bayes, state.bayes, 0, None)
    ended = detector.restart(state, 1, counts).past[0]
    order = sorted(range(TOPICS), key=lambda k: (-counts[k], k))[:PAST_TOPICS]
    assert ended.topics.tolist() == order
    np.testing.assert_array_equal(ended.shares, (counts[order] / counts.sum()).astype(np.float16))


@pytest.mark.parametrize("name", ["distance", "rate"])
def test_rules_that_know_no_beginning_begin_no_regime(name: str, params: Params, draw: Draw) -> None:
    rule = Rule("distance", 0.2) if name == "distance" else Rule("rate", 0.01)
    state, results = fold(params, params.empty(), a_change(draw), rule)
    assert any(result.change for result in results)
    assert (state.regime, state.began, state.past) == (0, 0, ())


def test_without_a_profile_the_bounds_are_known_all_the_same(params: Params, draw: Draw) -> None:
    bare = Params(params.dim, None)
    state, results = fold(bare, bare.empty(), a_change(draw), Rule("window"))
    (change,) = [result.change for result in results if result.change]
    assert change.kind is None
    assert (state.regime, state.began) == (1, change.began)
    assert [(one.began, one.ended, bool(one.shares.any())) for one in state.past] == [(0, change.began, False)]


@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, 59), min_size=5, max_size=59))
@quick
def test_the_present_state_is_what_the_last_fold_left(seed: int, cuts: set[int], params: Params, draw: Draw) -> None:
    """Of whatever window, as it was and as it comes back from the database."""
    stream = entries(params, a_change(draw), [0.5 * n for n in range(60)], [Rule()] * 60)
    for folded in arrivals(shuffled(stream, seed, 20, cuts), params, timedelta(seconds=12)):
        assert codec.encode(reorder.present(params, folded.window)) == codec.encode(folded.state)


def test_the_present_state_without_open_behaviours_is_the_base(params: Params, draw: Draw) -> None:
    state, _ = fold(params, params.empty(), draw([1], 20, 0), Rule())
    assert reorder.present(params, Window(state)) is state
    assert reorder.present(params, Window(params.empty())).behaviors == 0


def test_bounds_are_stored(params: Params, draw: Draw) -> None:
    state, _ = fold(params, params.empty(), interests(draw, 6), Rule())
    read = codec.decode(codec.encode(state))
    assert bounds(read) == bounds(state)
    assert bounds(replace(read, past=())) != bounds(state)


def bounds(state: State) -> tuple[object, ...]:
    return state.regime, state.began, [(one.began, one.ended) for one in state.past]

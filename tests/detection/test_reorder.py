"""Any order of arrival, however cut into requests, gives the state and the changes of the stream in order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.detection import codec, detector, pending_codec, reorder
from service.detection.coded import code
from service.detection.detector import Observation, Params, Result
from service.detection.reorder import MAX_PENDING, Entry, Folded, Window
from service.detection.rules import Rule, RuleName
from service.detection.state import MAX_BYTES, State, StateError

from .conftest import DIM, TOPICS, Draw, later

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = (Rule(), Rule("window"), Rule("bayes", 2.0))
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def a_change(draw: Draw) -> list[Observation]:
    """Forty behaviours of one interest, then twenty of another."""
    return [*draw([1, 2, 3], 40, 3), *later(draw([10, 11], 20, 4), 40)]


def entries(params: Params, observations: list[Observation], seconds: list[float], rules: list[Rule]) -> list[Entry]:
    """Behaviours at these times; several may share one."""
    assert params.profile is not None
    made = []
    for n, (observation, second, rule) in enumerate(zip(observations, seconds, rules, strict=True)):
        time = START + timedelta(seconds=second)
        topics = params.profile.assign(observation.vector[None])
        coded = code(observation.vector)
        made.append(Entry(f"e{(n * 37) % 100:02}", time, time, observation.weight, coded, topics, rule))
    return made


def in_order(params: Params, stream: list[Entry], observations: list[Observation]) -> tuple[State, dict[str, Result]]:
    """The plain fold over the vectors themselves; the changes by the id of the behaviour they are declared at."""
    state, changes = params.empty(), dict[str, Result]()
    vectors = {entry.event_id: observation.vector for entry, observation in zip(stream, observations, strict=True)}
    for entry in sorted(stream, key=lambda entry: (entry.occurred_at, entry.event_id)):
        observation = Observation(vectors[entry.event_id], entry.weight, entry.occurred_at.timestamp())
        state, result = detector.step(params, state, observation, entry.rule)
        if result.change:
            changes[entry.event_id] = result
    return detector.mark(params, state), changes


def stored(window: Window) -> Window:
    """The window as it comes back from the database."""
    pending = pending_codec.decode(pending_codec.encode(window.pending), DIM, TOPICS)
    return Window(codec.decode(codec.encode(window.base)), pending)


def arrive(params: Params, window: Window, request: list[Entry], length: timedelta = MINUTE) -> Folded:
    new = [replace(entry, counted_at=window.counted_at(entry.occurred_at, length)) for entry in request]
    return reorder.fold(params, window, new, length)


def arrivals(requests: list[list[Entry]], params: Params, length: timedelta = MINUTE) -> list[Folded]:
    """The requests one after the other, the state stored in between."""
    window, folded = Window(params.empty()), list[Folded]()
    for request in requests:
        folded.append(arrive(params, window, request, length))
        window = stored(folded[-1].window)
    return folded


def shuffled(stream: list[Entry], seed: int, reach: int, cuts: set[int]) -> list[list[Entry]]:
    """The stream in an order in which no behaviour comes `reach` or more places too late, cut into requests."""
    rng = np.random.default_rng(seed)
    ordered = sorted(stream, key=lambda entry: entry.place)
    order = np.argsort(np.arange(len(ordered)) + rng.uniform(0, reach, len(ordered)))
    bounds = [0, *sorted(cuts), len(ordered)]
    parts = [[ordered[n] for n in order[start:stop]] for start, stop in pairwise(bounds)]
    return [part for part in parts if part]


@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.sets(st.integers(1, 59), min_size=20, max_size=59),
    spacing=st.sampled_from([(0.1, 60), (0.5, 60), (3.0, 15)]),
)
@quick
def test_every_order_within_the_window_gives_the_state_of_the_stream_in_order(
    seed: int, cuts: set[int], spacing: tuple[float, int], params: Params, draw: Draw
) -> None:
    gap, reach = spacing
    observations, rules = a_change(draw), [RULES[n] for n in np.random.default_rng(seed).integers(0, 3, 60)]
    stream = entries(params, observations, (np.floor(np.arange(60) / 3) * 3 * gap).tolist(), rules)
    expected, changes = in_order(params, stream, observations)
    folded = arrivals(shuffled(stream, seed, reach, cuts), params)
    assert codec.encode(folded[-1].state) == codec.encode(expected)
    declared = [one.entry.event_id for step in folded for one in step.declared]
    assert len(declared) == len(set(declared)) >= len(changes) > 0
    assert not any(entry.counted_at != entry.occurred_at for step in folded for entry in step.entries)


@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, 59), max_size=59))
@quick
def test_in_order_each_change_is_declared_once_and_where_the_plain_fold_does(
    seed: int, cuts: set[int], params: Params, draw: Draw
) -> None:
    rules = [RULES[n] for n in np.random.default_rng(seed).integers(0, 3, 60)]
    observations = a_change(draw)
    stream = entries(params, observations, [float(n) for n in range(60)], rules)
    _, changes = in_order(params, stream, observations)
    declared = [one for step in arrivals(shuffled(stream, 0, 1, cuts), params) for one in step.declared]
    assert [one.entry.event_id for one in declared] == list(changes)
    for one, expected in zip(declared, changes.values(), strict=True):
        assert one.result.change == expected.change
        assert one.result.log_odds == expected.log_odds
        assert one.result.position == expected.position


@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, 59), min_size=20, max_size=59))
@quick
def test_a_change_that_reordering_moves_is_declared_once(seed: int, cuts: set[int], params: Params, draw: Draw) -> None:
    """The first interest in order, the second in any: there is one change, wherever the alarm is at first."""
    observations = a_change(draw)
    stream = entries(params, observations, [float(n) for n in range(60)], [Rule()] * 60)
    requests = [stream[:40], *shuffled(stream[40:], seed, 20, {cut - 40 for cut in cuts if cut > 40})]
    _, changes = in_order(params, stream, observations)
    assert len(changes) == 1
    declared = [one for step in arrivals(requests, params) for one in step.declared]
    assert len(declared) == 1


@pytest.mark.parametrize("name", ["distance", "rate"])
def test_rules_of_the_last_snapshot_have_the_state_of_one_request(name: RuleName, params: Params, draw: Draw) -> None:
    observations = a_change(draw)
    stream = entries(params, observations, [float(n % 30) for n in range(60)], [Rule(name, np.inf)] * 60)
    expected, _ = in_order(params, stream, observations)
    for seed in range(5):
        folded = arrivals(shuffled(stream, seed, 60, set(range(1, 60, seed + 1))), params)
        assert codec.encode(folded[-1].state) == codec.encode(expected)


def test_what_comes_later_than_the_window_counts_as_of_the_newest(params: Params, draw: Draw) -> None:
    stream = entries(params, draw([1, 2], 4, 0), [0.0, 100.0, 39.9, 40.0], [Rule()] * 4)
    first, late, in_time = arrivals([stream[:2], [stream[2]], [stream[3]]], params)
    assert [entry.event_id for entry in first.window.pending] == [stream[1].event_id]
    assert first.settled == 1
    assert {entry.event_id: entry.counted_at for entry in late.entries} == {
        stream[2].event_id: stream[1].occurred_at,
        stream[1].event_id: stream[1].occurred_at,
    }
    assert [entry.event_id for entry in in_time.entries] == [stream[n].event_id for n in (3, 2, 1)]
    assert in_time.settled == 0  # exactly a window older than the newest: still open
    assert in_time.window.newest_at == stream[1].occurred_at


def test_without_a_window_nothing_stays_open_and_the_fold_is_the_plain_one(params: Params, draw: Draw) -> None:
    observations = a_change(draw)
    stream = entries(params, observations, [float(n) for n in range(60)], [Rule()] * 60)
    folded = arrivals(shuffled(stream, 0, 1, set(range(1, 60))), params, timedelta(0))
    assert not any(step.window.pending for step in folded)
    expected, _ = in_order(params, stream, observations)
    assert codec.encode(folded[-1].window.base) == codec.encode(expected)


def test_at_most_so_many_stay_open(params: Params, draw: Draw) -> None:
    n = MAX_PENDING + 30
    stream = entries(params, draw([1, 2], n, 0), [n / 10 for n in range(n)], [Rule()] * n)
    folded = arrivals([stream[:10], stream[10:]], params)[-1]
    assert len(folded.window.pending) == MAX_PENDING
    assert folded.settled == 30
    assert folded.window.behaviors == n
    assert len(pending_codec.encode(folded.window.pending)) < 3 * MAX_BYTES
    # What is older than the open ones has no place any more, though it is within the window's time.
    closed = folded.window.settled_at
    assert closed is not None
    assert folded.window.counted_at(closed - timedelta(seconds=1), MINUTE) == folded.window.newest_at


def test_another_profile_keeps_z_and_starts_the_regime_anew(params: Params, draw: Draw) -> None:
    stream = entries(params, a_change(draw), [float(n) for n in range(60)], [Rule()] * 60)
    folded = arrivals([stream[:25], stream[25:]], params)[-1]
    assert any(entry.alarm for entry in folded.window.pending)
    closed = reorder.close(params, folded.window)
    np.testing.assert_array_equal(closed.interest.codes, folded.state.interest.codes)
    np.testing.assert_array_equal(closed.interest.reference, folded.state.interest.reference)
    assert closed.behaviors == 60
    assert closed.bayes is not None
    assert (closed.bayes.age, closed.regime, closed.began) == (0, folded.state.regime, folded.state.began)
    for known, was in zip(closed.past, folded.state.past, strict=True):
        assert (known.began, known.ended, bool(known.shares.any())) == (was.began, was.ended, False)


def test_nothing_to_fold_is_refused(params: Params) -> None:
    with pytest.raises(ValueError, match="nothing to fold"):
        reorder.fold(params, Window(params.empty()), [], MINUTE)


def some_pending(params: Params, draw: Draw) -> tuple[Entry, ...]:
    stream = entries(params, draw([1, 2], 8, 0), [float(n) for n in range(8)], [Rule("rate", 0.25)] * 8)
    stream[3] = replace(stream[3], event_id="é 東京 🎸", alarm=0, told=True, weight=0.1)
    stream[4] = replace(stream[4], rule=Rule(), alarm=300, snapshot=True)
    return tuple(stream)


def test_open_behaviours_come_back_as_they_were(params: Params, draw: Draw) -> None:
    pending = some_pending(params, draw)
    read = pending_codec.decode(pending_codec.encode(pending), DIM, TOPICS)
    for was, now in zip(pending, read, strict=True):
        assert replace(now, coded=was.coded, topics=was.topics) == was
        assert now.coded.scale == was.coded.scale
        np.testing.assert_array_equal(now.coded.codes, was.coded.codes)
        assert was.topics is not None
        assert now.topics is not None
        np.testing.assert_array_equal(now.topics.topics, was.topics.topics)
        np.testing.assert_array_equal(now.topics.shares, was.topics.shares)
    bare = tuple(replace(entry, topics=None) for entry in pending)
    assert [entry.topics for entry in pending_codec.decode(pending_codec.encode(bare), DIM, 0)] == [None] * 8
    assert pending_codec.decode(None, DIM, TOPICS) == pending_codec.decode(b"", DIM, TOPICS) == ()


@given(at=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.integers(0, 10**6))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_are_refused_or_are_open_behaviours(
    at: int, value: int, cut: int, params: Params, draw: Draw
) -> None:
    data = bytearray(pending_codec.encode(some_pending(params, draw)))
    data[at % len(data)] = value
    for damaged in (bytes(data), bytes(data)[: cut % len(data)], bytes(data) + b"x"):
        try:
            read = pending_codec.decode(damaged, DIM, TOPICS)
        except StateError:
            continue
        assert len(read) <= MAX_PENDING
        assert all(entry.topics is not None and entry.topics.topics.max() < TOPICS for entry in read)


def test_bytes_for_other_vectors_or_topics_are_refused(params: Params, draw: Draw) -> None:
    data = pending_codec.encode(some_pending(params, draw))
    for dim, topics in ((DIM + 1, TOPICS), (DIM, 0), (DIM, 1)):
        with pytest.raises(StateError):
            pending_codec.decode(data, dim, topics)
    with pytest.raises(StateError, match="at most 64"):
        pending_codec.encode(some_pending(params, draw) * 9)

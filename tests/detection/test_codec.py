"""A state as bytes, whatever bytes: either it is read, or refused as such, and what was read is written the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.detection import codec
from service.detection.detector import Observation, Params, fold, mark
from service.detection.rules import Rule
from service.detection.state import MAX_BYTES, State, StateError

from .conftest import TOPICS, Draw, later

OLD = Path(__file__).parent / "states"
"""States as they were written before the bounds of regimes were known (format 2), of the streams in `old_stream`."""

every_state = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def states(params: Params, draw: Draw) -> list[bytes]:
    """States of every kind: empty, young, full, with past regimes, marked, and without a profile."""
    bare = Params(params.dim, None)
    young, _ = fold(params, params.empty(), draw([1, 2], 7, 0), Rule())
    full, _ = fold(params, young, draw([1, 2, 3], 400, 1), Rule())
    changed, _ = fold(params, full, draw([30, 31], 60, 2), Rule())
    plain, _ = fold(bare, bare.empty(), draw([4], 30, 3), Rule("distance"))
    made = [params.empty(), young, mark(params, full), mark(params, changed), bare.empty(), mark(bare, plain)]
    assert made[3].past
    old = [(OLD / f"format-2-{name}.bin").read_bytes() for name in ("one-change", "without-profile")]
    return [*(codec.encode(state) for state in made), *old]


@given(which=st.integers(0, 5))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_written_the_same(which: int, states: list[bytes]) -> None:
    assert codec.encode(codec.decode(states[which])) == states[which]


@every_state
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_and_never_anything_else(data: st.DataObject, states: list[bytes]) -> None:
    damaged = bytearray(data.draw(st.sampled_from(states)))
    for _ in range(data.draw(st.integers(1, 4))):
        # Mostly in the header, where every bit means something.
        last = data.draw(st.sampled_from((16, 120, len(damaged)))) - 1
        at = data.draw(st.integers(0, min(last, len(damaged) - 1)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    readable_or_refused(bytes(damaged))


@every_state
@given(
    data=st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=400).map(lambda rest: b"SWRV\x02\x00" + rest),
        st.binary(max_size=400).map(lambda rest: b"SWRV\x03\x00" + rest),
    )
)
def test_any_bytes_are_refused_or_read_and_never_anything_else(data: bytes) -> None:
    readable_or_refused(data)


@every_state
@given(data=st.data())
def test_bytes_cut_anywhere_are_refused(data: st.DataObject, states: list[bytes]) -> None:
    whole = data.draw(st.sampled_from(states))
    with pytest.raises(StateError):
        codec.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


def readable_or_refused(data: bytes) -> None:
    try:
        state = codec.decode(data)
    except StateError:
        return
    # Compared by what is read again: a NaN, or a truth that was written as 2, may have come in otherwise.
    again = codec.encode(state)
    assert codec.encode(codec.decode(again)) == again


def test_a_topic_that_does_not_exist_is_refused(params: Params, draw: Draw) -> None:
    """Compiled code looks topics up without asking: such a state would read what lies beyond the arrays."""
    state, _ = fold(params, params.empty(), draw([1, 2], 30, 0), Rule())
    assert state.bayes is not None
    state.bayes.topics[3, 0] = TOPICS
    with pytest.raises(StateError, match="does not exist"):
        codec.decode(codec.encode(state))


@given(
    weights=st.lists(st.floats(0, 10), min_size=1, max_size=40),
    gaps=st.lists(st.floats(0, 1e9), min_size=40, max_size=40),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_may_be_sent_gives_finite_figures_and_a_state_that_is_kept(
    weights: list[float], gaps: list[float], seed: int, params: Params
) -> None:
    """Any weights, any times, any directions, of lists in which texts come again and again."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(3, params.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    times = np.cumsum(gaps)
    observations = [Observation(vectors[rng.integers(3)], weight, float(times[n])) for n, weight in enumerate(weights)]
    state, results = fold(params, params.empty(), observations, Rule())
    for result in results:
        scores = result.scores
        figures = (scores.magnitude, scores.cosine_distance, scores.rate_per_day, scores.window, result.log_odds)
        assert np.isfinite(np.asarray(figures, float)).all()
        assert np.isfinite(result.z).all()
    stored = codec.encode(mark(params, state))
    assert len(stored) <= MAX_BYTES
    assert codec.encode(codec.decode(stored)) == stored


def old_stream(draw: Draw) -> list[Observation]:
    """Three interests, one after the other."""
    changed = [*draw([1, 2, 3], 120, 1), *later(draw([30, 31], 60, 2), 120)]
    return [*changed, *later(draw([12], 50, 3), 180)]


def old(name: str) -> State:
    return codec.decode((OLD / f"format-2-{name}.bin").read_bytes())


def test_states_of_format_2_are_read(params: Params, draw: Draw) -> None:
    """Up to one change nothing is lost: what the old format did not say follows from what it did."""
    young, _ = fold(params, params.empty(), draw([1, 2], 7, 0), Rule())
    assert codec.encode(old("young")) == codec.encode(young)
    changed, results = fold(params, params.empty(), old_stream(draw)[:180], Rule())
    assert sum(result.change is not None for result in results) == 1
    assert codec.encode(old("one-change")) == codec.encode(mark(params, changed))


def test_bounds_that_format_2_does_not_know_are_divided_evenly(params: Params, draw: Draw) -> None:
    now, _ = fold(params, params.empty(), old_stream(draw), Rule())
    read = old("two-changes")
    assert [(one.began, one.ended) for one in now.past] == [(120, 180), (0, 120)]
    assert [(one.began, one.ended) for one in read.past] == [(90, 180), (0, 90)]
    as_now = tuple(replace(one, began=was.began, ended=was.ended) for one, was in zip(read.past, now.past, strict=True))
    assert codec.encode(replace(read, past=as_now)) == codec.encode(now)


def test_a_state_of_format_2_without_a_profile_is_of_one_regime_so_far(params: Params, draw: Draw) -> None:
    """Without topics it did not know of earlier regimes at all."""
    read = old("without-profile")
    bare = Params(params.dim, None)
    now, _ = fold(bare, bare.empty(), old_stream(draw)[:180], Rule("window"))
    assert (now.regime, now.began) == (1, 120)
    assert (read.regime, read.began, read.past, read.behaviors) == (0, 0, (), 180)
    assert codec.encode(replace(now, regime=0, began=0, past=())) == codec.encode(read)


def test_states_of_format_2_are_gone_on_from(params: Params, draw: Draw) -> None:
    more = later(draw([1, 2, 3], 60, 9), 230)
    after, results = fold(params, old("two-changes"), more, Rule())
    now, expected = fold(params, fold(params, params.empty(), old_stream(draw), Rule())[0], more, Rule())
    assert [result.log_odds for result in results] == [result.log_odds for result in expected]
    assert [result.change for result in results] == [result.change for result in expected]
    assert (after.regime, after.began) == (now.regime, now.began) == (3, 230)
    assert after.past[0].began == 180


@pytest.mark.parametrize("written", [0, 1, 4, 65_535])
def test_other_formats_are_refused_by_number(written: int, states: list[bytes]) -> None:
    data = states[1][:4] + written.to_bytes(2, "little") + states[1][6:]
    with pytest.raises(StateError, match=f"state format {written}, this version reads 2 to 3"):
        codec.decode(data)


def test_a_negative_beginning_is_refused(params: Params) -> None:
    with pytest.raises(StateError, match="negative"):
        codec.decode(codec.encode(replace(params.empty(), began=-1)))
    with pytest.raises(StateError, match="negative"):
        codec.decode(codec.encode(replace(params.empty(), regime=-1)))

"""What holds for all four detectors alike."""

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.detection import codec
from service.detection.detector import MIN_HISTORY, Observation, Params, Result, advance, batch_of, fold, mark, step
from service.detection.evidence import FEATURES
from service.detection.rules import Rule, RuleName
from service.detection.state import MAX_BYTES, State, StateError, layout

from .conftest import Draw, later, one_figure

NAMES: tuple[RuleName, ...] = get_args(RuleName)
every_rule = pytest.mark.parametrize("name", NAMES)


def restored(state: State) -> State:
    return codec.decode(codec.encode(state))


def same(a: Result, b: Result) -> bool:
    return (
        (a.position, a.status, a.log_odds, a.threshold, a.scores, a.change)
        == (b.position, b.status, b.log_odds, b.threshold, b.scores, b.change)
        and np.array_equal(a.z, b.z)
        and (a.z_previous is None) == (b.z_previous is None)
        and (a.z_previous is None or b.z_previous is None or np.array_equal(a.z_previous, b.z_previous))
    )


def a_life(draw: Draw) -> list[Observation]:
    """Two changes, and long enough for all that is kept one by one to overflow."""
    parts = [([1, 2, 3], 300), ([10, 11], 60), ([20, 21, 22, 23], 60)]
    out: list[Observation] = []
    for topics, n in parts:
        out += later(draw(topics, n, len(out)), len(out))
    return out


@every_rule
@given(cuts=st.lists(st.integers(1, 419), max_size=12, unique=True))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_streaming_equals_batch_for_every_chunking(name: RuleName, cuts: list[int], params: Params, draw: Draw) -> None:
    observations, rule = a_life(draw), Rule(name)
    final, at_once = fold(params, params.empty(), observations, rule)
    state, in_chunks = params.empty(), list[Result]()
    for start, stop in pairwise([0, *sorted(cuts), len(observations)]):
        state, results = fold(params, restored(state), observations[start:stop], rule)
        in_chunks += results
    assert all(map(same, at_once, in_chunks))
    assert len(at_once) == len(in_chunks)
    assert codec.encode(state) == codec.encode(final)


@every_rule
def test_one_by_one_equals_batch_at_every_prefix(name: RuleName, params: Params, draw: Draw) -> None:
    observations, rule = a_life(draw), Rule(name)
    _, at_once = fold(params, params.empty(), observations, rule)
    state = params.empty()
    for expected, observation in zip(at_once, observations, strict=True):
        state, result = step(params, restored(state), observation, rule)
        assert same(result, expected)


@every_rule
def test_a_step_leaves_the_state_it_was_given_alone(name: RuleName, params: Params, draw: Draw) -> None:
    state, _ = fold(params, params.empty(), draw([1, 2], 50, 0), Rule(name))
    before = codec.encode(state)
    step(params, state, draw([9], 1, 1)[0], Rule(name))
    assert codec.encode(state) == before


@every_rule
def test_nothing_is_declared_while_warming_up(name: RuleName, params: Params, draw: Draw) -> None:
    observations = [*draw([1], 4, 0), *later(draw([30], 10, 1), 4)]
    _, results = fold(params, params.empty(), observations, Rule(name, -np.inf))
    assert [r.status for r in results] == ["warming_up"] * (MIN_HISTORY - 1) + ["ok"] * 5
    assert not any(r.change for r in results[: MIN_HISTORY - 1])


@every_rule
def test_a_threshold_of_infinity_declares_nothing(name: RuleName, params: Params, draw: Draw) -> None:
    _, results = fold(params, params.empty(), a_life(draw), Rule(name, np.inf))
    assert not any(r.change for r in results)


@every_rule
def test_every_score_is_computed_whatever_the_rule(name: RuleName, params: Params, draw: Draw) -> None:
    observations = [*draw([1, 2], 40, 0), *later(draw([9], 3, 1), 40)]
    _, results = fold(params, params.empty(), observations, Rule(name, np.inf))
    scores = results[-1].scores
    assert results[-1].log_odds is not None
    assert min(scores.magnitude, scores.cosine_distance, scores.rate_per_day, scores.window) > 0


@every_rule
def test_without_a_profile_the_status_says_so_and_bayes_is_silent(name: RuleName, draw: Draw) -> None:
    bare = Params(64, None)
    _, results = fold(bare, bare.empty(), a_life(draw), Rule(name))
    assert {r.status for r in results} == {"uncalibrated"}
    assert {r.log_odds for r in results} == {None}
    assert any(r.change for r in results) is (name != "bayes")


@every_rule
def test_the_state_stays_within_its_bound(name: RuleName, params: Params, draw: Draw) -> None:
    state = params.empty()
    for start in range(0, 2000, 100):
        observations = later(draw([start // 100 % 40, (start // 100 + 3) % 40], 100, start), start)
        state, _ = fold(params, state, observations, Rule(name))
        assert len(codec.encode(mark(params, state))) <= MAX_BYTES
    assert state.behaviors == 2000


@pytest.mark.parametrize(("dim", "topics"), [(64, 40), (384, 256), (384, 400), (768, 400), (1024, 256)])
def test_a_full_state_of_any_allowed_size_stays_within_its_bound(dim: int, topics: int) -> None:
    keep = layout(dim, topics, 5)
    vectors, assignments = keep.vectors * (dim + 16), keep.assignments * (4 * 5 + 8)
    assert vectors + assignments + 8 * dim + 4 * topics + 4 * 16 * 4 + codec._HEADER.itemsize <= MAX_BYTES
    assert keep.assignments > 25
    assert keep.vectors >= 4


def test_too_many_dimensions_are_refused_with_the_limit() -> None:
    with pytest.raises(StateError, match="at most 1024"):
        layout(4096, 256, 5)


def test_a_vector_of_the_wrong_length_is_refused(params: Params) -> None:
    with pytest.raises(ValueError, match="expected"):
        step(params, params.empty(), Observation(np.ones(3, np.float32), 1.0, 0.0), Rule())


@every_rule
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_behaviours_taken_in_together_make_the_state_and_the_changes_of_each_by_itself(
    name: RuleName, fused: bool, size: int, params: Params, draw: Draw
) -> None:
    """However many at once, and with every change declared at the same behaviour."""
    assert params.profile is not None
    if fused:
        params = replace(params, profile=replace(params.profile, fusion=one_figure(FEATURES.index("log_odds"))))
    rng = np.random.default_rng(1)
    life = [replace(one, weight=float(rng.choice([0.0, 0.5, 1.0, 2.0]))) for one in a_life(draw)]
    rule, states, changes = Rule(name), [params.empty()], dict[int, Result]()
    for n, observation in enumerate(life):
        state, result = step(params, states[-1], observation, rule)
        states.append(state)
        if result.change:
            changes[n] = result
    assert changes
    batch, state, n = batch_of(params, life), params.empty(), 0
    while n < len(life):
        state, declared, taken = advance(params, state, batch.part(n, min(n + size, len(life))), rule)
        n += taken
        assert codec.encode(state) == codec.encode(states[n])
        assert (declared is not None) == (n - 1 in changes)
        if declared is not None:
            assert same(declared, changes.pop(n - 1))
    assert not changes


@pytest.mark.parametrize("damage", ["short", "long", "magic", "format", "empty"])
def test_damaged_bytes_are_refused(damage: str, params: Params, draw: Draw) -> None:
    state, _ = fold(params, params.empty(), draw([1, 2], 30, 0), Rule())
    data = codec.encode(state)
    damaged = {
        "short": data[:-1],
        "long": data + b"x",
        "magic": b"XXXX" + data[4:],
        "format": data[:4] + b"\xff\xff" + data[6:],
        "empty": b"",
    }[damage]
    with pytest.raises(StateError):
        codec.decode(damaged)


def test_a_behaviour_of_no_weight_is_no_evidence(params: Params, draw: Draw) -> None:
    state, results = fold(params, params.empty(), draw([1, 2], 60, 0), Rule())
    disliked = [replace(o, weight=0.0) for o in later(draw([30], 40, 1), 60)]
    _, after = fold(params, state, disliked, Rule())
    assert not any(r.change for r in after)
    np.testing.assert_allclose(after[0].z, results[-1].z, atol=1e-6)

"""A user's stored state: what of it is gone on from, and what is not."""

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from service.detect.decide import Decision, Stored, decide, restore
from service.detect.incoming import Incoming
from service.detection import codec, pending_codec
from service.detection.detector import Params
from service.detection.rules import Rule

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DIM = 8


@pytest.fixture
def params() -> Params:
    return Params(dim=DIM, profile=None)


def behaviors(seconds: list[float]) -> list[Incoming]:
    vectors = np.random.default_rng(0).normal(size=(len(seconds), DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Incoming(f"e{second:g}", START + timedelta(seconds=second), 1.0, None, vector)
        for second, vector in zip(seconds, vectors, strict=True)
    ]


def taken(params: Params, stored: Stored, seconds: list[float], rule: Rule | None = None) -> Decision:
    return decide(params, stored, behaviors(seconds), rule or Rule("window"), length=MINUTE)


def restored(params: Params, state: bytes | None, pending: bytes | None, **same: bool) -> Stored:
    known = {"same_space": True, "same_profile": True} | same
    return restore(
        state,
        pending,
        params,
        same_space=known["same_space"],
        same_profile=known["same_profile"],
        recent=[("e0", START)],
        sequence=7,
    )


def test_a_state_from_before_there_were_open_behaviours_is_gone_on_from(params: Params) -> None:
    plain = decide(params, restored(params, None, None), behaviors([0, 1, 2]), Rule(), length=timedelta(0))
    assert plain.stored.window.pending == ()
    old = restored(params, codec.encode(plain.stored.window.base), None)
    assert (old.window.behaviors, old.sequence, old.recent) == (3, 7, (("e0", START),))
    # Its order is closed: what is older than its newest behaviour counts as of that one, however little late.
    after = taken(params, old, [1.5, 2, 3])
    assert after.late == ("e1.5",)
    assert after.stored.window.behaviors == 6
    assert taken(params, after.stored, [2.5]).late == ()


@pytest.mark.parametrize("pending", [b"junk", b"SWPN", b"SWPN\x01\x00\xff\xff\x08\x00\x00\x00"])
def test_open_behaviours_that_cannot_be_read_start_the_user_anew(
    pending: bytes, params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    state = codec.encode(taken(params, restored(params, None, None), [0, 100]).stored.window.base)
    with caplog.at_level(logging.ERROR):
        stored = restored(params, state, pending)
    assert (stored.window.behaviors, stored.sequence, stored.recent) == (0, 7, ())
    assert "cannot be read" in caplog.text


def test_another_space_forgets_open_behaviours_and_another_profile_closes_them(params: Params) -> None:
    first = taken(params, restored(params, None, None), [0, 100, 101])
    state = codec.encode(first.stored.window.base)
    pending = pending_codec.encode(first.stored.window.pending)
    assert restored(params, state, pending, same_space=False).window.behaviors == 0
    closed = restored(params, state, pending, same_profile=False)
    assert (closed.window.behaviors, closed.window.pending) == (3, ())
    assert [event_id for event_id, _ in closed.recent] == ["e0", "e100", "e101"]
    assert taken(params, closed, [100.5]).late == ("e100.5",)


def test_the_figures_are_compared_as_the_request_asks_though_the_newest_behaviour_came_with_another(
    params: Params,
) -> None:
    first = taken(params, restored(params, None, None), [0, 10], Rule("window", 0.25))
    assert first.taken[-1].change.threshold == 0.25
    between = taken(params, first.stored, [5], Rule("distance", 0.75))
    assert between.taken[-1].as_of == START + timedelta(seconds=10)
    assert (between.taken[-1].change.detector, between.taken[-1].change.threshold) == ("distance", 0.75)
    assert [entry.rule.name for entry in between.stored.window.pending] == ["window", "distance", "window"]


def test_a_change_that_began_before_the_open_behaviours_has_its_beginning_named(params: Params) -> None:
    north, east = np.eye(2, DIM, dtype=np.float32)
    stream = [
        Incoming(f"e{n:03}", START + timedelta(seconds=20 * n), 1.0, None, north if n < 40 else east) for n in range(60)
    ]
    stored, declared = restored(params, None, None), []
    for one in stream:
        decision = decide(params, stored, [one], Rule("window"), length=MINUTE)
        assert len(decision.stored.window.pending) <= 4
        declared += [taken.change for taken in decision.taken if taken.taken_for == "change"]
        stored = restored(
            params,
            codec.encode(decision.stored.window.base),
            pending_codec.encode(decision.stored.window.pending),
        )
        stored = Stored(stored.window, decision.stored.recent, decision.stored.sequence)
    (change,) = declared
    assert change.first_event_id == "e040"
    assert change.changed_at == stream[40].occurred_at
